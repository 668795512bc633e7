// The end of the quiz: what was stored, and the way on.

import { CalibrationFacts } from "../shared/calibration.js";
import { button, fill, freshId, h } from "../shared/dom.js";
import type { Axis, Preview } from "../shared/generated/quiz.js";
import { trans } from "../shared/translation.js";

interface SummaryOptions {
  readonly axes: readonly Axis[];
  readonly onBack: () => void;
  readonly onProceed: () => void;
  readonly onCopy: (text: string, what: string) => void;
}

/** Shows the stored calibration. */
export class Summary {
  readonly element = h("section", { class: "pplab-panel pplab-summary" });
  readonly #options: SummaryOptions;
  readonly #status = h("div", { class: "pplab-notice", role: "status", "data-tone": "success", tabindex: -1 });
  readonly #facts: CalibrationFacts;
  readonly #next = h("div", { class: "pplab-summary-next", "aria-live": "polite" });

  constructor(options: SummaryOptions) {
    this.#options = options;
    this.#facts = new CalibrationFacts(options.axes);
    const title = freshId("summary");
    this.element.setAttribute("aria-labelledby", title);
    const proceed = button(trans("Proceed to experiment"), options.onProceed, "primary");
    const actions = h("div", { class: "pplab-actions" }, button(trans("Back"), options.onBack), proceed);
    const heading = h("h3", { id: title }, trans("Your calibration"));
    this.element.append(heading, this.#status, actions, this.#next, this.#facts.element);
  }

  /** Show what the answers came to. */
  draw(preview: Preview): void {
    const words = trans("The calibration is saved.");
    if (this.#status.textContent !== words) this.#status.textContent = words;
    this.#facts.draw(preview);
  }

  /** Show the code of the cell to go on with, once there is one. */
  drawCell(code: string): void {
    if (!code) {
      fill(this.#next);
      return;
    }
    const copy = button(trans("Copy"), () => this.#options.onCopy(code, trans("Cell")));
    const words = h("p", {}, trans("Run this in a new cell, with your own prompt:"));
    fill(this.#next, words, h("pre", { class: "pplab-code" }, code), h("div", { class: "pplab-actions" }, copy));
  }

  /** Move the focus to the message that it is saved. */
  focus(): void {
    this.#status.focus();
  }
}
