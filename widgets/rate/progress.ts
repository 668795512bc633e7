// How far the rating has come, to see and to hear.

import { h } from "../shared/dom.js";
import type { Standing } from "../shared/generated/rate.js";
import { trans } from "../shared/translation.js";

export class Progress {
  readonly element: HTMLElement;
  readonly #total: number;
  readonly #bar: HTMLProgressElement;
  readonly #words = h("span");
  readonly #announced = h("span", { class: "pplab-hidden", "aria-live": "polite" });

  constructor(total: number) {
    this.#total = total;
    this.#bar = h("progress", { max: Math.max(1, total), value: 0, "aria-label": trans("Rated") });
    this.element = h("div", { class: "pplab-rate-progress" }, this.#bar, this.#words, this.#announced);
  }

  /** Show how many are rated, and announce the item that comes now. */
  draw({ done, item }: Standing): void {
    this.#bar.value = done;
    this.#words.textContent = trans("%1 of %2", done, this.#total);
    this.#announced.textContent = item ? trans("Item %1 of %2", item.number, this.#total) : "";
  }
}
