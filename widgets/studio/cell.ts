// The cell that would run the draft.

import { button, h } from "../shared/dom.js";

interface CellOptions {
  readonly onCopy: (text: string, what: string) => void;
}

export class Cell {
  readonly element: HTMLElement;
  readonly #code = h("pre", { class: "pplab-code", tabindex: 0, "aria-label": "The same as a cell" });

  constructor({ onCopy }: CellOptions) {
    const copy = button("Copy", () => onCopy(this.#code.textContent, "Cell"), "quiet");
    copy.setAttribute("aria-label", "Copy the cell");
    this.element = h(
      "details",
      { class: "pplab-studio-more" },
      h("summary", {}, "The same as a cell"),
      h("div", { class: "pplab-studio-code" }, this.#code, copy),
    );
  }

  draw(code: string): void {
    this.#code.textContent = code;
  }
}
