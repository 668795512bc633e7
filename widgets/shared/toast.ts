// Short messages that come and go without taking the focus.

import { h } from "./dom.js";

const DURATION = 4000; // ms

/** The place for toasts in a widget; they are read out politely. */
export class Toasts {
  readonly element = h("div", { class: "pplab-toasts", "aria-live": "polite" });
  readonly #signal: AbortSignal;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /** Show `words` for four seconds. */
  show(words: string): void {
    const toast = h("div", { class: "pplab-toast" }, words);
    this.element.append(toast);
    const timer = setTimeout(() => toast.remove(), DURATION);
    this.#signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
  }
}
