// One sampling parameter: a slider for each value that is tried, inside the calibrated range.

import { button, fill, freshId, h } from "../shared/dom.js";
import { interval, number } from "../shared/format.js";
import type { Knob } from "../shared/generated/studio.js";
import { position } from "../shared/ranges.js";

const STEPS = 100;

type Limits = readonly [number, number];

/** What the calibration says of a parameter. */
interface Calibrated {
  readonly range: Limits | null;
  readonly points: readonly number[];
  /** What holds where no value is chosen, in words. */
  readonly otherwise: string;
}

/** A parameter with the values that are chosen for it, if any. */
export class KnobRow {
  readonly element: HTMLElement;
  readonly #knob: Knob;
  readonly #changed: (values: readonly number[]) => void;
  readonly #words = h("span", { class: "pplab-quiet" });
  readonly #rows = h("div");
  readonly #add: HTMLButtonElement;
  readonly #take: HTMLButtonElement;
  #fields: { readonly slider: HTMLInputElement; readonly exact: HTMLInputElement }[] = [];
  #values: readonly number[] = [];
  #limits: Limits = [0, 1];
  #points: readonly number[] = [];

  constructor(knob: Knob, changed: (values: readonly number[]) => void) {
    this.#knob = knob;
    this.#changed = changed;
    this.#add = button("Add", () => this.#append(), "quiet");
    this.#take = button("Calibrated", () => this.#change(this.#points), "quiet");
    this.#take.title = `Take the calibration's values of ${knob.name}`;
    this.#take.setAttribute("aria-label", `Take the calibrated values of ${knob.name}`);
    const title = freshId("knob");
    const name = h("strong", { id: title, title: knob.meaning }, knob.name);
    const head = h("div", { class: "pplab-knob-head" }, name, this.#words, this.#take, this.#add);
    this.element = h("div", { class: "pplab-knob", role: "group", "aria-labelledby": title }, head, this.#rows);
  }

  /** Show these values, inside the calibrated range unless `beyond` it is allowed. */
  show(values: readonly number[], calibrated: Calibrated, beyond: boolean): void {
    const { low, high, name } = this.#knob;
    this.#values = values;
    this.#points = calibrated.points;
    this.#limits = beyond || !calibrated.range ? [low, high] : calibrated.range;
    if (values.length !== this.#fields.length) this.#build();
    for (const [index, value] of values.entries()) this.#draw(index, value, calibrated.range);
    const where = calibrated.range ? `calibrated ${interval(calibrated.range)}` : "";
    const what = values.length === 0 ? calibrated.otherwise : values.length > 1 ? "sweep" : "";
    this.#words.textContent = [what, where].filter(Boolean).join(" · ");
    this.#add.textContent = values.length ? "Add value" : "Set";
    this.#add.setAttribute("aria-label", values.length ? `Add a value of ${name}` : `Set ${name}`);
    this.#add.disabled = this.#free() === null;
    this.#take.hidden = calibrated.points.length === 0 || String(calibrated.points) === String(values);
  }

  #build(): void {
    const { name, integer, low, high } = this.#knob;
    this.#fields = this.#values.map((_, index) => {
      const label = `${name}, value ${index + 1}`;
      const slider = h("input", { type: "range", min: 0, max: STEPS, step: 1, "aria-label": label });
      const step = integer ? 1 : "any";
      const exact = h("input", {
        type: "number",
        min: low,
        max: high,
        step,
        "aria-label": `${label}, exactly`,
        class: "pplab-field",
      });
      slider.addEventListener("input", () => this.#put(index, this.#at(Number(slider.value) / STEPS)));
      exact.addEventListener("change", () => this.#put(index, Number(exact.value)));
      return { slider, exact };
    });
    const rows = this.#fields.map(({ slider, exact }, index) => {
      const remove = button("×", () => this.#change(this.#values.filter((_, at) => at !== index)), "quiet");
      remove.setAttribute("aria-label", `Remove value ${index + 1} of ${name}`);
      return h("div", { class: "pplab-knob-value" }, slider, exact, remove);
    });
    fill(this.#rows, ...rows);
  }

  #draw(index: number, value: number, range: Limits | null): void {
    const field = this.#fields[index];
    if (!field) return;
    field.slider.value = String(Math.round((position(this.#scale, value) / 100) * STEPS));
    field.slider.setAttribute("aria-valuetext", number(value));
    field.slider.disabled = this.#limits[0] === this.#limits[1];
    field.exact.value = String(value);
    field.exact.toggleAttribute("data-beyond", range !== null && (value < range[0] || value > range[1]));
  }

  get #scale(): Knob {
    const [low, high] = this.#limits;
    return { ...this.#knob, low, high };
  }

  /** The value at this share of the slider, rounded to what can be told apart. */
  #at(share: number): number {
    const [low, high] = this.#limits;
    if (share <= 0 || share >= 1) return share <= 0 ? low : high;
    if (!this.#knob.logarithmic) return this.#legal(Number((low + share * (high - low)).toFixed(2)));
    return this.#legal(Number((low * (high / low) ** share).toPrecision(2)));
  }

  #legal(value: number): number {
    const [low, high] = this.#limits;
    const inside = Math.min(Math.max(Number.isFinite(value) ? value : low, low), high);
    return this.#knob.integer ? Math.round(inside) : inside;
  }

  /** A value that is not there yet: in the middle of the largest gap. */
  #free(): number | null {
    const shares = this.#values.map((value) => position(this.#scale, value) / 100).sort((a, b) => a - b);
    if (!shares.length) return this.#at(0.5);
    const ends = [0, ...shares, 1];
    const gaps = ends.slice(1).map((end, index) => {
      const start = ends[index] as number;
      const edge = index === 0 ? 0 : index === ends.length - 2 ? 1 : (start + end) / 2;
      return { size: index === 0 || index === ends.length - 2 ? 2 * (end - start) : end - start, edge };
    });
    const widest = gaps.reduce((best, gap) => (gap.size > best.size ? gap : best));
    const value = this.#at(widest.edge);
    return this.#values.includes(value) ? null : value;
  }

  #append(): void {
    const value = this.#free();
    if (value === null) return;
    this.#change([...this.#values, value].sort((a, b) => a - b));
    this.#fields[this.#values.indexOf(value)]?.slider.focus();
  }

  #put(index: number, value: number): void {
    const legal = this.#legal(value);
    this.#change(this.#values.map((before, at) => (at === index ? legal : before)));
  }

  #change(values: readonly number[]): void {
    this.#changed(values);
  }
}
