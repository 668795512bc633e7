// The personas: one system message, or several with a name each that are compared.

import { button, fill, freshId, h } from "../shared/dom.js";
import type { Persona } from "../shared/generated/studio.js";
import { trans } from "../shared/translation.js";

interface PersonasOptions {
  readonly onChange: (personas: readonly Persona[], typing: boolean) => void;
}

interface PersonasData {
  readonly personas: readonly Persona[];
  /** The calibration's persona, which stands in for an empty one. */
  readonly calibrated: string;
  /** The same in several strengths, by name. */
  readonly strengths: Readonly<Record<string, string>>;
}

export class Personas {
  readonly element: HTMLElement;
  readonly #onChange: PersonasOptions["onChange"];
  readonly #rows = h("div", { class: "pplab-personas" });
  readonly #strengthsButton: HTMLButtonElement;
  #personas: readonly Persona[] = [];
  #strengths: Readonly<Record<string, string>> = {};
  #fields: { readonly name: HTMLInputElement; readonly text: HTMLTextAreaElement }[] = [];

  constructor({ onChange }: PersonasOptions) {
    this.#onChange = onChange;
    const add = button(trans("Compare another persona"), () => this.#add(), "quiet");
    this.#strengthsButton = button(trans("Compare three strengths"), () => this.#compareStrengths(), "quiet");
    const actions = h("div", { class: "pplab-persona-actions" }, add, this.#strengthsButton);
    this.element = h("div", {}, this.#rows, actions);
  }

  draw({ personas, calibrated, strengths }: PersonasData): void {
    this.#personas = personas;
    this.#strengths = strengths;
    if (personas.length !== this.#fields.length) this.#build();
    const active = this.element.ownerDocument.activeElement;
    for (const [index, { name, text }] of personas.entries()) {
      const field = this.#fields[index];
      if (!field) continue;
      if (field.name !== active) field.name.value = name;
      if (field.text !== active) field.text.value = text;
      const alone = personas.length === 1;
      field.text.placeholder = (alone && calibrated) || trans("A system message (optional)");
    }
    this.#strengthsButton.hidden = Object.keys(strengths).length === 0;
  }

  #build(): void {
    const alone = this.#personas.length === 1;
    const rows = this.#personas.map((_, index) => {
      const text = h("textarea", { rows: alone ? 3 : 2, class: "pplab-field", id: freshId("field") });
      const name = h("input", {
        type: "text",
        class: "pplab-field",
        "aria-label": trans("Name of persona %1", index + 1),
      });
      text.addEventListener("input", () => this.#put(index, { text: text.value }, true));
      name.addEventListener("input", () => this.#put(index, { name: name.value }, true));
      this.#fields[index] = { name, text };
      const label = h("label", { for: text.id }, alone ? trans("Persona") : trans("Persona %1", index + 1));
      if (alone) return h("div", { class: "pplab-studio-field" }, label, text);
      const remove = button("×", () => this.#remove(index), "quiet");
      remove.setAttribute("aria-label", trans("Leave out persona %1", index + 1));
      return h(
        "div",
        { class: "pplab-studio-field" },
        h("div", { class: "pplab-persona-head" }, label, name, remove),
        text,
      );
    });
    this.#fields.length = this.#personas.length;
    fill(this.#rows, ...rows);
  }

  #put(index: number, part: Partial<Persona>, typing: boolean): void {
    this.#onChange(
      this.#personas.map((persona, at) => (at === index ? { ...persona, ...part } : persona)),
      typing,
    );
  }

  #add(): void {
    const named = this.#personas.map((persona, at) => ({
      ...persona,
      name: persona.name || trans("persona %1", at + 1),
    }));
    this.#onChange([...named, { name: trans("persona %1", named.length + 1), text: "" }], false);
  }

  #remove(index: number): void {
    this.#onChange(
      this.#personas.filter((_, at) => at !== index),
      false,
    );
  }

  #compareStrengths(): void {
    this.#onChange(
      Object.entries(this.#strengths).map(([name, text]) => ({ name, text })),
      false,
    );
  }
}
