// The form of the studio: what is asked, of which model, and with which values of each parameter.

import { fill, freshId, h } from "../shared/dom.js";
import { number } from "../shared/format.js";
import type { Draft, Offered } from "../shared/generated/studio.js";
import type { StudioView } from "./index.js";
import { KnobRow } from "./knob.js";

/** The form; what it shows is the draft, and each change makes a new one. */
export class Form {
  readonly element: HTMLElement;
  readonly #view: StudioView;
  readonly #edit: (part: Partial<Draft>, typing: boolean) => void;
  readonly #knobs = new Map<string, KnobRow>();
  #shown: Draft;
  readonly #columns = h("p", { class: "pplab-quiet" });
  readonly #prompt = h("textarea", { rows: 6, class: "pplab-field", placeholder: "What should the model answer?" });
  readonly #table = h("input", { type: "text", class: "pplab-field", placeholder: "prompts.csv (optional)" });
  readonly #system = h("textarea", { rows: 3, class: "pplab-field" });
  readonly #calibration = h("select", { class: "pplab-field" });
  readonly #model = h("input", { type: "text", class: "pplab-field" });
  readonly #n = h("input", { type: "number", min: 1, max: 1000, step: 1, class: "pplab-field" });
  readonly #stream = h("input", { type: "checkbox" });
  readonly #beyond = h("input", { type: "checkbox" });
  readonly #allow = h("label", { class: "pplab-check" }, this.#beyond, h("span", {}, "Beyond the calibrated ranges"));

  constructor(view: StudioView, edit: (part: Partial<Draft>, typing: boolean) => void) {
    this.#view = view;
    this.#edit = edit;
    this.#shown = view.get("draft");
    for (const knob of view.get("knobs")) {
      const changed = (values: readonly number[]) => this.#turn(knob.name, values);
      this.#knobs.set(knob.name, new KnobRow(knob, changed));
    }
    const options = view.get("calibrations").map(({ id, label }) => h("option", { value: id }, label));
    fill(this.#calibration, ...options, h("option", { value: "" }, "none: any legal value"));
    this.#model.disabled = view.get("embedded");
    this.#model.title = this.#model.disabled ? "Set a base URL or a key to ask another model" : "";
    this.#listen();
    const stream = h("label", { class: "pplab-check" }, this.#stream, h("span", {}, "Show text as it is written"));
    const small = h(
      "div",
      { class: "pplab-studio-small" },
      labelled("Model", this.#model),
      labelled("Replicates", this.#n),
    );
    const asked = h(
      "div",
      { class: "pplab-studio-column" },
      labelled("Prompt", this.#prompt),
      labelled("Table of prompts, for {placeholders}", this.#table),
      this.#columns,
      labelled("Persona", this.#system),
      small,
      stream,
    );
    const knobs = [...this.#knobs.values()].map((row) => row.element);
    const tried = h(
      "div",
      { class: "pplab-studio-column" },
      labelled("Calibration", this.#calibration),
      this.#allow,
      ...knobs,
    );
    this.element = h("div", { class: "pplab-studio-form" }, asked, tried);
  }

  /** Show a draft; a field that is being typed in is left alone. */
  show(draft: Draft): void {
    this.#shown = draft;
    const put = (field: HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement, value: string) => {
      if (field.value !== value && field !== field.ownerDocument.activeElement) field.value = value;
    };
    put(this.#prompt, draft.prompt);
    put(this.#table, draft.table);
    put(this.#system, draft.system);
    put(this.#model, draft.model);
    put(this.#n, String(draft.n));
    this.#calibration.value = draft.calibration;
    this.#stream.checked = draft.stream;
    this.#beyond.checked = draft.beyond;
    const calibration = this.#chosen(draft);
    this.#allow.hidden = !calibration;
    this.#system.placeholder = calibration?.persona || "A system message (optional)";
    const drawn = calibration && !Object.values(draft.values).some((values) => values.length > 0);
    for (const [name, row] of this.#knobs) {
      const kept = calibration?.kept[name];
      const otherwise = kept !== undefined ? `kept at ${number(kept)}` : drawn ? "drawn" : "server's default";
      const range = calibration?.ranges[name] ?? null;
      row.show(
        draft.values[name] ?? [],
        { range, points: calibration?.points[name] ?? [], otherwise },
        draft.beyond || !calibration,
      );
    }
  }

  /** Say which columns the prompt may name. */
  showColumns(columns: readonly string[]): void {
    this.#columns.hidden = columns.length === 0;
    this.#columns.textContent = `Columns: ${columns.map((name) => `{${name}}`).join(", ")}`;
  }

  #listen(): void {
    const typed = (field: HTMLInputElement | HTMLTextAreaElement, part: () => Partial<Draft>) =>
      field.addEventListener("input", () => this.#edit(part(), true));
    typed(this.#prompt, () => ({ prompt: this.#prompt.value }));
    typed(this.#table, () => ({ table: this.#table.value }));
    typed(this.#system, () => ({ system: this.#system.value }));
    typed(this.#model, () => ({ model: this.#model.value }));
    typed(this.#n, () => ({ n: Math.max(1, Math.round(Number(this.#n.value)) || 1) }));
    this.#stream.addEventListener("change", () => this.#edit({ stream: this.#stream.checked }, false));
    this.#beyond.addEventListener("change", () => this.#limit(this.#beyond.checked));
    this.#calibration.addEventListener("change", () => this.#calibrate(this.#calibration.value));
  }

  #chosen({ calibration }: Pick<Draft, "calibration">): Offered | undefined {
    return this.#view.get("calibrations").find(({ id }) => id === calibration);
  }

  #turn(name: string, values: readonly number[]): void {
    this.#edit({ values: { ...this.#shown.values, [name]: values } }, true);
  }

  /** Work in another calibration, from its own values on. */
  #calibrate(calibration: string): void {
    this.#edit({ calibration, beyond: false, values: this.#chosen({ calibration })?.values ?? {} }, false);
  }

  /** Allow values beyond the ranges, or bring those that are there back inside. */
  #limit(beyond: boolean): void {
    const ranges = this.#chosen(this.#shown)?.ranges ?? {};
    const inside = Object.entries(this.#shown.values).map(([name, values]) => {
      const [low, high] = ranges[name] ?? [-Infinity, Infinity];
      return [name, [...new Set(values.map((value) => Math.min(Math.max(value, low), high)))]] as const;
    });
    this.#edit(beyond ? { beyond } : { beyond, values: Object.fromEntries(inside) }, false);
  }
}

function labelled(words: string, field: HTMLElement): HTMLElement {
  field.id = freshId("field");
  return h("div", { class: "pplab-studio-field" }, h("label", { for: field.id }, words), field);
}
