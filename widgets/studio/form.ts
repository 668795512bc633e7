// The form of the studio: the prompt, the models, the personas, and the values of each parameter.

import { button, fill, freshId, h } from "../shared/dom.js";
import { number } from "../shared/format.js";
import type { CalibrationChoice as Calibration, Draft, StudioTraits } from "../shared/generated/studio.js";
import { trans } from "../shared/translation.js";
import { MoreParameters } from "./more.js";
import { ParameterRow } from "./parameter.js";
import { Personas } from "./personas.js";
import { WrittenRow } from "./written.js";

const ALWAYS = 5; // so many parameters stand in the form whether or not they are set: the calibrated ones

interface FormOptions extends Pick<StudioTraits, "knobs" | "others" | "models" | "calibrations" | "embedded"> {
  /** A part of the draft has changed; `typing` when more of the same is likely to follow at once. */
  readonly onEdit: (part: Partial<Draft>, typing: boolean) => void;
}

/** The form; what it shows is the draft, and each change makes a new one. */
export class Form {
  readonly element: HTMLElement;
  readonly #options: FormOptions;
  readonly #sliders = new Map<string, ParameterRow>();
  readonly #written = new Map<string, WrittenRow>();
  readonly #rows = h("div", { class: "pplab-studio-parameters" });
  readonly #more: MoreParameters;
  readonly #personas: Personas;
  readonly #suggestions = h("div", { class: "pplab-models" });
  #draft: Draft | undefined;
  #offers: StudioTraits["offers"] = {};
  #calibration: Calibration | undefined;
  readonly #columns = h("p", { class: "pplab-quiet" });
  readonly #prompt = h("textarea", {
    rows: 6,
    class: "pplab-field",
    placeholder: trans("What should the model answer?"),
  });
  readonly #table = h("input", { type: "text", class: "pplab-field", placeholder: trans("prompts.csv (optional)") });
  readonly #calibrations = h("select", { class: "pplab-field" });
  readonly #models = h("input", {
    type: "text",
    class: "pplab-field",
    placeholder: trans("model, other-model@endpoint"),
  });
  readonly #n = h("input", { type: "number", min: 1, max: 1000, step: 1, class: "pplab-field" });
  readonly #stream = h("input", { type: "checkbox" });
  readonly #detach = h("input", { type: "checkbox" });
  readonly #beyond = h("input", { type: "checkbox" });
  readonly #allow = h(
    "label",
    { class: "pplab-check" },
    this.#beyond,
    h("span", {}, trans("Beyond the calibrated ranges")),
  );

  constructor(options: FormOptions) {
    this.#options = options;
    this.#more = new MoreParameters({ onAdd: (name) => this.#add(name) });
    this.#personas = new Personas({ onChange: (systems, typing) => options.onEdit({ systems }, typing) });
    const calibrations = options.calibrations.map(({ id, label }) => h("option", { value: id }, label));
    fill(this.#calibrations, ...calibrations, h("option", { value: "" }, trans("none (all legal values)")));
    this.#models.disabled = options.embedded;
    this.#models.title = options.embedded ? trans("Set a base URL, a key or an endpoint to ask another model") : "";
    this.#listen();
    const stream = h(
      "label",
      { class: "pplab-check" },
      this.#stream,
      h("span", {}, trans("Show text as it is written")),
    );
    const detach = h(
      "label",
      { class: "pplab-check" },
      this.#detach,
      h("span", {}, trans("Keep running when the kernel ends")),
    );
    const small = h(
      "div",
      { class: "pplab-studio-small" },
      labelledField(trans("Models, separated by commas"), this.#models),
      labelledField(trans("Replicates"), this.#n),
    );
    const request = h(
      "div",
      { class: "pplab-studio-column" },
      labelledField(trans("Prompt"), this.#prompt),
      labelledField(trans("Table of prompts, for {placeholders}"), this.#table),
      this.#columns,
      this.#personas.element,
      small,
      this.#suggestions,
      stream,
      detach,
    );
    const settings = h(
      "div",
      { class: "pplab-studio-column" },
      labelledField(trans("Calibration"), this.#calibrations),
      this.#allow,
      this.#rows,
      this.#more.element,
    );
    this.element = h("div", { class: "pplab-studio-form" }, request, settings);
  }

  /** Show a draft; a field that is being typed in is left alone. */
  draw(draft: Draft): void {
    this.#draft = draft;
    this.#calibration = this.#find(draft.calibration);
    const put = (field: HTMLInputElement | HTMLTextAreaElement, value: string) => {
      if (field.value !== value && field !== field.ownerDocument.activeElement) field.value = value;
    };
    put(this.#prompt, draft.prompt);
    put(this.#table, draft.table);
    put(this.#models, draft.models);
    put(this.#n, String(draft.n));
    this.#calibrations.value = draft.calibration;
    this.#stream.checked = draft.stream;
    this.#detach.checked = draft.detach;
    this.#beyond.checked = draft.beyond;
    this.#allow.hidden = !this.#calibration;
    const { persona = "", personas = {} } = this.#calibration ?? {};
    this.#personas.draw({ personas: draft.systems, calibrated: persona, strengths: personas });
    this.#drawModels(draft.models);
    this.#drawParameters(draft);
  }

  /** Say how the models take each parameter. */
  drawOffers(offers: StudioTraits["offers"]): void {
    this.#offers = offers;
    if (this.#draft) this.#drawParameters(this.#draft);
  }

  /** Say which columns the prompt may name. */
  drawColumns(columns: readonly string[]): void {
    this.#columns.hidden = columns.length === 0;
    this.#columns.textContent = trans("Columns: %1", columns.map((name) => `{${name}}`).join(", "));
  }

  /** Offer the models that are not among those of the draft. */
  #drawModels(models: string): void {
    const named = models.split(",").map((name) => name.trim());
    const others = this.#options.embedded ? [] : this.#options.models.filter((name) => !named.includes(name));
    const buttons = others.map((name) => {
      const models = [...named.filter(Boolean), name].join(", ");
      return button(`+ ${name}`, () => this.#options.onEdit({ models }, false), "quiet");
    });
    fill(this.#suggestions, ...buttons);
    this.#suggestions.hidden = buttons.length === 0;
  }

  #drawParameters(draft: Draft): void {
    const { knobs, others } = this.#options;
    const scales = knobs.filter(({ name }, at) => at < ALWAYS || (draft.values[name]?.length ?? 0) > 0);
    const free = Object.keys(draft.written).filter((name) => !others.some((other) => other.name === name));
    const fields = [
      ...others.filter(({ name }) => name in draft.written),
      ...free.map((name) => ({ name, meaning: trans("is sent as it is"), choices: [], example: "0, 2" })),
    ];
    for (const parameter of scales) {
      if (this.#sliders.has(parameter.name)) continue;
      const onChange = (values: readonly number[]) => this.#setValues(parameter.name, values);
      this.#sliders.set(parameter.name, new ParameterRow({ parameter, onChange }));
    }
    for (const parameter of fields) {
      if (this.#written.has(parameter.name)) continue;
      const onChange = (text: string | null, typing: boolean) => this.#setWritten(parameter.name, text, typing);
      this.#written.set(parameter.name, new WrittenRow({ parameter, onChange }));
    }
    const sliders = scales.map(({ name }) => this.#sliders.get(name)?.element);
    const rows = [...sliders, ...fields.map(({ name }) => this.#written.get(name)?.element)];
    if (String(rows.length) !== this.#rows.dataset.count || rows.some((row, at) => row !== this.#rows.children[at])) {
      fill(this.#rows, ...rows);
      this.#rows.dataset.count = String(rows.length);
    }
    this.#drawSliders(draft);
    for (const { name } of fields) {
      const { words = "", usable = true, choices = [] } = this.#offers[name] ?? {};
      this.#written.get(name)?.draw({ text: draft.written[name] ?? "", choices, words, usable });
    }
    const present = [...scales, ...fields].map(({ name }) => name);
    const absent = [...knobs, ...others].filter(({ name }) => !present.includes(name));
    this.#more.draw(absent, this.#offers);
  }

  #drawSliders({ values, written, beyond }: Draft): void {
    const calibration = this.#calibration;
    const given = Object.values(values).some((several) => several.length > 0) || Object.values(written).some(Boolean);
    const sampled = calibration && !given;
    for (const [name, row] of this.#sliders) {
      const fixed = calibration?.kept[name];
      const range = calibration?.ranges[name] ?? null;
      const otherwise = sampled && range ? trans("sampled from the range") : trans("server default");
      row.draw({
        values: values[name] ?? [],
        range,
        points: calibration?.points[name] ?? [],
        fallback: fixed === undefined ? otherwise : trans("fixed at %1", number(fixed)),
        beyond,
        refusal: this.#offers[name]?.usable === false ? this.#offers[name].words : "",
      });
    }
  }

  #listen(): void {
    const onInput = (field: HTMLInputElement | HTMLTextAreaElement, part: () => Partial<Draft>) =>
      field.addEventListener("input", () => this.#options.onEdit(part(), true));
    onInput(this.#prompt, () => ({ prompt: this.#prompt.value }));
    onInput(this.#table, () => ({ table: this.#table.value }));
    onInput(this.#models, () => ({ models: this.#models.value }));
    onInput(this.#n, () => ({ n: Math.max(1, Math.round(Number(this.#n.value)) || 1) }));
    this.#stream.addEventListener("change", () => this.#options.onEdit({ stream: this.#stream.checked }, false));
    this.#detach.addEventListener("change", () => this.#options.onEdit({ detach: this.#detach.checked }, false));
    this.#beyond.addEventListener("change", () => this.#setBeyond(this.#beyond.checked));
    this.#calibrations.addEventListener("change", () => this.#setCalibration(this.#calibrations.value));
  }

  #find(calibration: string): Calibration | undefined {
    return this.#options.calibrations.find(({ id }) => id === calibration);
  }

  #setValues(name: string, values: readonly number[]): void {
    this.#options.onEdit({ values: { ...this.#draft?.values, [name]: values } }, true);
  }

  #setWritten(name: string, text: string | null, typing: boolean): void {
    const { [name]: _, ...rest } = this.#draft?.written ?? {};
    this.#options.onEdit({ written: text === null ? rest : { ...this.#draft?.written, [name]: text } }, typing);
  }

  /** Take a parameter into the form, and go there. */
  #add(name: string): void {
    const scale = this.#options.knobs.find((knob) => knob.name === name);
    if (scale) this.#setValues(name, [scale.integer ? Math.round((scale.low + scale.high) / 2) : scale.low]);
    else this.#setWritten(name, "", false);
    (this.#sliders.get(name) ?? this.#written.get(name))?.element.querySelector("input")?.focus();
  }

  /** Work in another calibration, from its own values on. */
  #setCalibration(calibration: string): void {
    this.#options.onEdit({ calibration, beyond: false, values: this.#find(calibration)?.values ?? {} }, false);
  }

  /** Allow values beyond the ranges, or bring those that are there back inside. */
  #setBeyond(beyond: boolean): void {
    const ranges = this.#calibration?.ranges ?? {};
    const inside = Object.entries(this.#draft?.values ?? {}).map(([name, values]) => {
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
