// The chain of cause of one record, from cause to consequence; any record in it can be walked from.

import { button, fill, h } from "../shared/dom.js";
import { number } from "../shared/format.js";
import type { Record as Step, Walked } from "../shared/generated/console.js";
import { exactly } from "../shared/time.js";

export class ChainPanel {
  readonly element = h("section", { class: "pplab-panel pplab-walk", "aria-label": "Chain of cause", hidden: true });
  readonly #walk: (id: string) => void;
  readonly #closed: () => void;

  constructor(walk: (id: string) => void, closed: () => void) {
    this.#walk = walk;
    this.#closed = closed;
  }

  /** Say that a chain is being walked. */
  wait(from: string): void {
    this.element.hidden = false;
    fill(this.element, h("p", { role: "status" }, `Walking from ${from}`));
  }

  /** Show a chain. */
  show(walked: Walked): void {
    this.element.hidden = false;
    const close = button("Close", () => this.#close(), "quiet");
    const left = walked.left_out > 0 && h("p", { class: "pplab-quiet" }, `and ${number(walked.left_out)} more records`);
    fill(
      this.element,
      h("div", { class: "pplab-walk-head" }, h("h3", {}, "From cause to consequence"), close),
      h("ol", { class: "pplab-steps" }, ...walked.records.map((step) => this.#step(step, step.id === walked.anchor))),
      left,
    );
    this.element.querySelector('[aria-current="true"]')?.scrollIntoView({ block: "nearest" });
  }

  #close(): void {
    this.element.hidden = true;
    this.#closed();
  }

  #step(step: Step, here: boolean): HTMLElement {
    const name = step.kind === "event" ? step.label : step.kind;
    const words = step.kind === "event" ? "" : step.label;
    const open = button(name, () => this.#walk(step.id), "quiet");
    open.title = step.id;
    return h(
      "li",
      { "data-kind": step.kind, "aria-current": here && "true" },
      h("div", { class: "pplab-step-head" }, open, h("span", { class: "pplab-quiet" }, exactly(step.at))),
      words && h("div", { class: "pplab-step-words" }, words),
      step.led.length > 0 && h("div", { class: "pplab-quiet" }, `led to ${step.led.join(", ")}`),
    );
  }
}
