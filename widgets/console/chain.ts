// The chain of cause of one record, from cause to consequence; the chain of any record in it can be opened.

import { button, fill, h } from "../shared/dom.js";
import { number } from "../shared/format.js";
import type { Record as Step, Walked } from "../shared/generated/console.js";
import { preciseTime } from "../shared/time.js";
import { trans } from "../shared/translation.js";

interface ChainOptions {
  readonly onOpen: (id: string) => void;
  readonly onClose: () => void;
}

export class ChainPanel {
  readonly element = h("section", {
    class: "pplab-panel pplab-chain",
    "aria-label": trans("Chain of cause"),
    hidden: true,
  });
  readonly #options: ChainOptions;

  constructor(options: ChainOptions) {
    this.#options = options;
  }

  /** Say that the chain of an event is on its way. */
  drawLoading(event: string): void {
    this.element.hidden = false;
    fill(this.element, h("p", { role: "status" }, trans("Loading the chain of cause of %1…", event)));
  }

  /** Show a chain. */
  draw(chain: Omit<Walked, "kind">): void {
    this.element.hidden = false;
    const close = button(trans("Close"), () => this.#close(), "quiet");
    const rest =
      chain.left_out > 0 && h("p", { class: "pplab-quiet" }, trans("and %1 more records", number(chain.left_out)));
    fill(
      this.element,
      h("div", { class: "pplab-chain-head" }, h("h3", {}, trans("From cause to consequence")), close),
      h("ol", { class: "pplab-steps" }, ...chain.records.map((step) => this.#step(step, step.id === chain.anchor))),
      rest,
    );
    this.element.querySelector('[aria-current="true"]')?.scrollIntoView({ block: "nearest" });
  }

  #close(): void {
    this.element.hidden = true;
    this.#options.onClose();
  }

  #step(step: Step, current: boolean): HTMLElement {
    const name = step.kind === "event" ? step.label : step.kind;
    const words = step.kind === "event" ? "" : step.label;
    const open = button(name, () => this.#options.onOpen(step.id), "quiet");
    open.title = step.id;
    return h(
      "li",
      { "data-kind": step.kind, "aria-current": current && "true" },
      h("div", { class: "pplab-step-head" }, open, h("span", { class: "pplab-quiet" }, preciseTime(step.at))),
      words && h("div", { class: "pplab-step-words" }, words),
      step.led.length > 0 && h("div", { class: "pplab-quiet" }, trans("led to %1", step.led.join(", "))),
    );
  }
}
