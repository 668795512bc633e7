// The cell that would run the draft.

import { button, h } from "../shared/dom.js";
import { trans } from "../shared/translation.js";

interface CellOptions {
  readonly onCopy: (text: string, what: string) => void;
}

export class Cell {
  readonly element: HTMLElement;
  readonly #code = h("pre", { class: "pplab-code", tabindex: 0, "aria-label": trans("The same as a cell") });

  constructor({ onCopy }: CellOptions) {
    const copy = button(trans("Copy"), () => onCopy(this.#code.textContent, trans("Cell")), "quiet");
    copy.setAttribute("aria-label", trans("Copy the cell"));
    this.element = h(
      "details",
      { class: "pplab-studio-more" },
      h("summary", {}, trans("The same as a cell")),
      h("div", { class: "pplab-studio-code" }, this.#code, copy),
    );
  }

  draw(code: string): void {
    this.#code.textContent = code;
  }
}
