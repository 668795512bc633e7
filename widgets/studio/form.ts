// The form of the studio: the prompt, the model, and the values of each parameter.

import { fill, freshId, h } from "../shared/dom.js";
import { number } from "../shared/format.js";
import type { CalibrationChoice as Calibration, Draft, StudioTraits } from "../shared/generated/studio.js";
import { ParameterRow } from "./parameter.js";

interface FormOptions extends Pick<StudioTraits, "knobs" | "calibrations" | "embedded"> {
  /** A part of the draft has changed; `typing` when more of the same is likely to follow at once. */
  readonly onEdit: (part: Partial<Draft>, typing: boolean) => void;
}

/** The form; what it shows is the draft, and each change makes a new one. */
export class Form {
  readonly element: HTMLElement;
  readonly #options: FormOptions;
  readonly #parameters = new Map<string, ParameterRow>();
  #values: Draft["values"] = {};
  #calibration: Calibration | undefined;
  readonly #columns = h("p", { class: "pplab-quiet" });
  readonly #prompt = h("textarea", { rows: 6, class: "pplab-field", placeholder: "What should the model answer?" });
  readonly #table = h("input", { type: "text", class: "pplab-field", placeholder: "prompts.csv (optional)" });
  readonly #system = h("textarea", { rows: 3, class: "pplab-field" });
  readonly #calibrations = h("select", { class: "pplab-field" });
  readonly #model = h("input", { type: "text", class: "pplab-field" });
  readonly #n = h("input", { type: "number", min: 1, max: 1000, step: 1, class: "pplab-field" });
  readonly #stream = h("input", { type: "checkbox" });
  readonly #beyond = h("input", { type: "checkbox" });
  readonly #allow = h("label", { class: "pplab-check" }, this.#beyond, h("span", {}, "Beyond the calibrated ranges"));

  constructor(options: FormOptions) {
    this.#options = options;
    for (const parameter of options.knobs) {
      const onChange = (values: readonly number[]) => this.#setValues(parameter.name, values);
      this.#parameters.set(parameter.name, new ParameterRow({ parameter, onChange }));
    }
    const calibrations = options.calibrations.map(({ id, label }) => h("option", { value: id }, label));
    fill(this.#calibrations, ...calibrations, h("option", { value: "" }, "none (all legal values)"));
    this.#model.disabled = options.embedded;
    this.#model.title = options.embedded ? "Set a base URL or a key to ask another model" : "";
    this.#listen();
    const stream = h("label", { class: "pplab-check" }, this.#stream, h("span", {}, "Show text as it is written"));
    const small = h(
      "div",
      { class: "pplab-studio-small" },
      labelledField("Model", this.#model),
      labelledField("Replicates", this.#n),
    );
    const request = h(
      "div",
      { class: "pplab-studio-column" },
      labelledField("Prompt", this.#prompt),
      labelledField("Table of prompts, for {placeholders}", this.#table),
      this.#columns,
      labelledField("Persona", this.#system),
      small,
      stream,
    );
    const parameters = [...this.#parameters.values()].map((row) => row.element);
    const settings = h(
      "div",
      { class: "pplab-studio-column" },
      labelledField("Calibration", this.#calibrations),
      this.#allow,
      ...parameters,
    );
    this.element = h("div", { class: "pplab-studio-form" }, request, settings);
  }

  /** Show a draft; a field that is being typed in is left alone. */
  draw(draft: Draft): void {
    this.#values = draft.values;
    this.#calibration = this.#find(draft.calibration);
    const put = (field: HTMLInputElement | HTMLTextAreaElement, value: string) => {
      if (field.value !== value && field !== field.ownerDocument.activeElement) field.value = value;
    };
    put(this.#prompt, draft.prompt);
    put(this.#table, draft.table);
    put(this.#system, draft.system);
    put(this.#model, draft.model);
    put(this.#n, String(draft.n));
    this.#calibrations.value = draft.calibration;
    this.#stream.checked = draft.stream;
    this.#beyond.checked = draft.beyond;
    this.#allow.hidden = !this.#calibration;
    this.#system.placeholder = this.#calibration?.persona || "A system message (optional)";
    this.#drawParameters(draft);
  }

  /** Say which columns the prompt may name. */
  drawColumns(columns: readonly string[]): void {
    this.#columns.hidden = columns.length === 0;
    this.#columns.textContent = `Columns: ${columns.map((name) => `{${name}}`).join(", ")}`;
  }

  #drawParameters({ values, beyond }: Draft): void {
    const calibration = this.#calibration;
    const sampled = calibration && !Object.values(values).some((several) => several.length > 0);
    for (const [name, row] of this.#parameters) {
      const fixed = calibration?.kept[name];
      const range = calibration?.ranges[name] ?? null;
      const otherwise = sampled && range ? "sampled from the range" : "server default";
      row.draw({
        values: values[name] ?? [],
        range,
        points: calibration?.points[name] ?? [],
        fallback: fixed === undefined ? otherwise : `fixed at ${number(fixed)}`,
        beyond,
      });
    }
  }

  #listen(): void {
    const onInput = (field: HTMLInputElement | HTMLTextAreaElement, part: () => Partial<Draft>) =>
      field.addEventListener("input", () => this.#options.onEdit(part(), true));
    onInput(this.#prompt, () => ({ prompt: this.#prompt.value }));
    onInput(this.#table, () => ({ table: this.#table.value }));
    onInput(this.#system, () => ({ system: this.#system.value }));
    onInput(this.#model, () => ({ model: this.#model.value }));
    onInput(this.#n, () => ({ n: Math.max(1, Math.round(Number(this.#n.value)) || 1) }));
    this.#stream.addEventListener("change", () => this.#options.onEdit({ stream: this.#stream.checked }, false));
    this.#beyond.addEventListener("change", () => this.#setBeyond(this.#beyond.checked));
    this.#calibrations.addEventListener("change", () => this.#setCalibration(this.#calibrations.value));
  }

  #find(calibration: string): Calibration | undefined {
    return this.#options.calibrations.find(({ id }) => id === calibration);
  }

  #setValues(name: string, values: readonly number[]): void {
    this.#options.onEdit({ values: { ...this.#values, [name]: values } }, true);
  }

  /** Work in another calibration, from its own values on. */
  #setCalibration(calibration: string): void {
    this.#options.onEdit({ calibration, beyond: false, values: this.#find(calibration)?.values ?? {} }, false);
  }

  /** Allow values beyond the ranges, or bring those that are there back inside. */
  #setBeyond(beyond: boolean): void {
    const ranges = this.#calibration?.ranges ?? {};
    const inside = Object.entries(this.#values).map(([name, values]) => {
      const [low, high] = ranges[name] ?? [-Infinity, Infinity];
      return [name, [...new Set(values.map((value) => Math.min(Math.max(value, low), high)))]] as const;
    });
    this.#options.onEdit(beyond ? { beyond } : { beyond, values: Object.fromEntries(inside) }, false);
  }
}

function labelledField(label: string, field: HTMLElement): HTMLElement {
  field.id = freshId("field");
  return h("div", { class: "pplab-studio-field" }, h("label", { for: field.id }, label), field);
}
