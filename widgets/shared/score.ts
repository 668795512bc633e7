// A score from 0 to 100 as a bar.

import { h } from "./dom.js";

export class ScoreBar {
  readonly element: HTMLElement;
  readonly #bar = h("span", { class: "pplab-score-bar" });
  readonly #words = h("span", { class: "pplab-range-words" });

  constructor(name: string, colour: string) {
    const track = h("span", { class: "pplab-score-track", "aria-hidden": "true" }, this.#bar);
    this.#bar.style.background = `var(--pplab-${colour})`;
    this.element = h("div", { class: "pplab-range" }, h("span", {}, name), this.#words, track);
  }

  /** Move the bar. */
  draw(value: number): void {
    this.#bar.style.width = `${value}%`;
    this.#words.textContent = String(Math.round(value));
  }
}
