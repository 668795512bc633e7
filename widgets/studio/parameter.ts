// One sampling parameter: a slider for each value that is tried, inside the calibrated range.

import { button, fill, freshId, h } from "../shared/dom.js";
import { interval, number } from "../shared/format.js";
import type { ParameterScale as Parameter } from "../shared/generated/studio.js";
import { position } from "../shared/ranges.js";
import { trans } from "../shared/translation.js";

const STEPS = 100;

type Limits = readonly [number, number];

interface ParameterOptions {
  readonly parameter: Parameter;
  readonly onChange: (values: readonly number[]) => void;
}

/** The values chosen for a parameter, and what the calibration says of it. */
interface ParameterData {
  readonly values: readonly number[];
  /** The calibrated range. */
  readonly range: Limits | null;
  /** The calibrated values. */
  readonly points: readonly number[];
  /** What is sent while no value is chosen, in words. */
  readonly fallback: string;
  /** Whether values outside the calibrated range are allowed. */
  readonly beyond: boolean;
  /** Why no model takes it; empty when one does. */
  readonly refusal: string;
}

/** A parameter with the values that are chosen for it, if any. */
export class ParameterRow {
  readonly element: HTMLElement;
  readonly #parameter: Parameter;
  readonly #onChange: ParameterOptions["onChange"];
  readonly #words = h("span", { class: "pplab-quiet" });
  readonly #rows = h("div");
  readonly #reason = h("p", { class: "pplab-parameter-reason" });
  readonly #add: HTMLButtonElement;
  readonly #calibrate: HTMLButtonElement;
  #fields: { readonly slider: HTMLInputElement; readonly exact: HTMLInputElement }[] = [];
  #values: readonly number[] = [];
  #limits: Limits = [0, 1];
  #points: readonly number[] = [];

  constructor({ parameter, onChange }: ParameterOptions) {
    this.#parameter = parameter;
    this.#onChange = onChange;
    this.#add = button(trans("Add"), () => this.#append(), "quiet");
    this.#calibrate = button(trans("Use calibrated"), () => onChange(this.#points), "quiet");
    this.#calibrate.title = trans("Use calibrated values of %1", parameter.name);
    this.#calibrate.setAttribute("aria-label", this.#calibrate.title);
    const title = freshId("parameter");
    const name = h("strong", { id: title, title: parameter.meaning }, parameter.name);
    const head = h("div", { class: "pplab-parameter-head" }, name, this.#words, this.#calibrate, this.#add);
    this.element = h(
      "div",
      { class: "pplab-parameter", role: "group", "aria-labelledby": title },
      head,
      this.#rows,
      this.#reason,
    );
  }

  /** Show the values; sliders end where the calibrated range does, unless values beyond it are allowed. */
  draw({ values, range, points, fallback, beyond, refusal }: ParameterData): void {
    const { low, high, name } = this.#parameter;
    this.#values = values;
    this.#points = points;
    this.#limits = beyond || !range ? [low, high] : range;
    if (values.length !== this.#fields.length) this.#build();
    for (const [index, value] of values.entries()) this.#drawValue(index, value, range);
    const limits = range ? trans("calibrated %1", interval(range)) : "";
    const what = values.length === 0 ? fallback : values.length > 1 ? trans("sweep") : "";
    this.#words.textContent = [what, limits].filter(Boolean).join(" · ");
    this.#add.textContent = values.length ? trans("Add value") : trans("Set");
    this.#add.setAttribute("aria-label", values.length ? trans("Add a value of %1", name) : trans("Set %1", name));
    this.#add.disabled = this.#newValue() === null || refusal !== "";
    this.#reason.textContent = refusal;
    this.#reason.hidden = !refusal;
    this.element.toggleAttribute("data-refused", refusal !== "");
    this.#calibrate.hidden = points.length === 0 || String(points) === String(values);
  }

  #build(): void {
    const { name, integer, low, high } = this.#parameter;
    this.#fields = this.#values.map((_, index) => {
      const label = trans("%1, value %2", name, index + 1);
      const slider = h("input", { type: "range", min: 0, max: STEPS, step: 1, "aria-label": label });
      const step = integer ? 1 : "any";
      const exact = h("input", {
        type: "number",
        min: low,
        max: high,
        step,
        "aria-label": trans("%1, exactly", label),
        class: "pplab-field",
      });
      slider.addEventListener("input", () => this.#put(index, this.#at(Number(slider.value) / STEPS)));
      exact.addEventListener("change", () => this.#put(index, Number(exact.value)));
      return { slider, exact };
    });
    const rows = this.#fields.map(({ slider, exact }, index) => {
      const remove = button("×", () => this.#onChange(this.#values.filter((_, at) => at !== index)), "quiet");
      remove.setAttribute("aria-label", trans("Remove value %1 of %2", index + 1, name));
      return h("div", { class: "pplab-parameter-value" }, slider, exact, remove);
    });
    fill(this.#rows, ...rows);
  }

  #drawValue(index: number, value: number, range: Limits | null): void {
    const field = this.#fields[index];
    if (!field) return;
    field.slider.value = String(Math.round((position(this.#scale, value) / 100) * STEPS));
    field.slider.setAttribute("aria-valuetext", number(value));
    field.slider.disabled = this.#limits[0] === this.#limits[1];
    field.exact.value = String(value);
    field.exact.toggleAttribute("data-beyond", range !== null && (value < range[0] || value > range[1]));
  }

  get #scale(): Parameter {
    const [low, high] = this.#limits;
    return { ...this.#parameter, low, high };
  }

  /** The value at this share of the slider, rounded to what can be told apart. */
  #at(share: number): number {
    const [low, high] = this.#limits;
    if (share <= 0 || share >= 1) return share <= 0 ? low : high;
    if (!this.#parameter.logarithmic) return this.#legal(Number((low + share * (high - low)).toFixed(2)));
    return this.#legal(Number((low * (high / low) ** share).toPrecision(2)));
  }

  #legal(value: number): number {
    const [low, high] = this.#limits;
    const inside = Math.min(Math.max(Number.isFinite(value) ? value : low, low), high);
    return this.#parameter.integer ? Math.round(inside) : inside;
  }

  /** A value to add: in the middle of the largest gap, and null where there is no room for one. */
  #newValue(): number | null {
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
    const value = this.#newValue();
    if (value === null) return;
    this.#onChange([...this.#values, value].sort((a, b) => a - b));
    this.#fields[this.#values.indexOf(value)]?.slider.focus();
  }

  #put(index: number, value: number): void {
    const legal = this.#legal(value);
    this.#onChange(this.#values.map((before, at) => (at === index ? legal : before)));
  }
}
