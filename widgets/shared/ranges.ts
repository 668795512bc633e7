// A range of each sampling parameter inside its legal values, as bars that move.

import { fill, h } from "./dom.js";
import { interval, number } from "./format.js";

/** The legal values of a parameter. */
export interface LegalRange {
  readonly name: string;
  readonly meaning: string;
  readonly low: number;
  readonly high: number;
  readonly logarithmic: boolean;
}

/** Where `value` stands between the legal values, 0 to 100. */
export function position(axis: LegalRange, value: number): number {
  const [low, high, at] = [axis.low, axis.high, value].map((x) => (axis.logarithmic ? Math.log10(x) : x)) as [
    number,
    number,
    number,
  ];
  return (Math.min(Math.max((at - low) / (high - low), 0), 1) || 0) * 100;
}

/** One row: the name, a bar inside its track, and the range in words. */
export class RangeRow {
  readonly element: HTMLElement;
  readonly #axis: LegalRange;
  readonly #bar = h("span", { class: "pplab-range-bar" });
  readonly #points = h("span");
  readonly #words = h("span", { class: "pplab-range-words" });

  constructor(axis: LegalRange) {
    this.#axis = axis;
    const ends = h(
      "span",
      { class: "pplab-range-ends", "aria-hidden": "true" },
      h("span", {}, number(axis.low)),
      h("span", {}, number(axis.high)),
    );
    const track = h("span", { class: "pplab-range-track", "aria-hidden": "true" }, this.#bar, this.#points);
    const name = h("span", { class: "pplab-range-name", title: axis.meaning }, axis.name);
    this.element = h("div", { class: "pplab-range" }, name, this.#words, track, ends);
  }

  /** Move the bar. */
  draw(range: readonly [number, number], points: readonly number[]): void {
    const [start, end] = range.map((value) => position(this.#axis, value)) as [number, number];
    this.#bar.style.left = `${start}%`;
    this.#bar.style.width = `${end - start}%`;
    this.#words.textContent = interval(range);
    const dots = points.map((value) =>
      h("span", { class: "pplab-range-point", style: `left:${position(this.#axis, value)}%` }),
    );
    fill(this.#points, ...dots);
  }
}
