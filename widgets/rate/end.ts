// The end: that every rating is saved, and what they say.

import { fill, h } from "../shared/dom.js";
import type { Standing } from "../shared/generated/rate.js";
import { trans } from "../shared/translation.js";
import { isUndo, undoButton } from "./undo.js";

interface EndOptions {
  readonly onUndo: () => void;
}

interface EndData extends Pick<Standing, "done" | "last" | "outcome"> {
  readonly total: number;
}

export class End {
  readonly element: HTMLElement;
  readonly #status = h("div", { class: "pplab-notice", role: "status", "data-tone": "success", tabindex: -1 });
  readonly #outcome = h("div", { class: "pplab-rate-outcome" });
  readonly #undo: HTMLButtonElement;

  constructor({ onUndo }: EndOptions) {
    this.#undo = undoButton(onUndo);
    const actions = h("div", { class: "pplab-actions" }, this.#undo);
    this.element = h("div", { class: "pplab-rate-end" }, this.#status, this.#outcome, actions);
    this.element.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || !isUndo(event)) return;
      event.preventDefault();
      onUndo();
    });
  }

  /** Show what the ratings came to. */
  draw({ done, total, last, outcome }: EndData): void {
    this.#status.textContent = trans("Thank you: %1 of %2 rated, all saved.", done, total);
    fill(this.#outcome, ...outcome.split("\n").map((line) => line && h("p", {}, line)));
    this.#undo.hidden = !last;
  }

  /** Move the focus to the message that all is saved. */
  focus(): void {
    this.#status.focus();
  }
}
