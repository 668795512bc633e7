// A parameter without a slider: choices to tick, or a field to write its values in.

import { button, fill, freshId, h } from "../shared/dom.js";
import type { WrittenParameter } from "../shared/generated/studio.js";
import { trans } from "../shared/translation.js";

interface WrittenOptions {
  readonly parameter: WrittenParameter;
  /** What is written has changed; null takes the parameter out of the run. */
  readonly onChange: (text: string | null, typing: boolean) => void;
}

interface WrittenData {
  readonly text: string;
  /** The choices that the models take. */
  readonly choices: readonly string[];
  /** Why it is not usable, or what to heed. */
  readonly words: string;
  readonly usable: boolean;
}

/** A parameter as it is written: several values make a sweep. */
export class WrittenRow {
  readonly element: HTMLElement;
  readonly #options: WrittenOptions;
  readonly #words = h("span", { class: "pplab-quiet" });
  readonly #reason = h("p", { class: "pplab-parameter-reason" });
  readonly #field = h("input", { type: "text", class: "pplab-field" });
  readonly #ticks = h("div", { class: "pplab-ticks" });
  #boxes = new Map<string, HTMLInputElement>();

  constructor(options: WrittenOptions) {
    const { name, meaning, choices, example } = options.parameter;
    this.#options = options;
    const title = freshId("parameter");
    const remove = button("×", () => options.onChange(null, false), "quiet");
    remove.setAttribute("aria-label", trans("Leave out %1", name));
    const head = h(
      "div",
      { class: "pplab-parameter-head" },
      h("strong", { id: title, title: meaning }, name),
      this.#words,
      remove,
    );
    this.#field.setAttribute("aria-label", trans("Values of %1", name));
    this.#field.placeholder = example;
    this.#field.addEventListener("input", () => options.onChange(this.#field.value, true));
    const editor = choices.length > 0 ? this.#ticks : this.#field;
    this.element = h(
      "div",
      { class: "pplab-parameter", role: "group", "aria-labelledby": title },
      head,
      editor,
      this.#reason,
    );
  }

  draw({ text, choices, words, usable }: WrittenData): void {
    if (this.#field !== this.#field.ownerDocument.activeElement) this.#field.value = text;
    const values = text.split(",").filter(Boolean);
    this.#drawTicks(choices, values);
    this.#words.textContent = values.length > 1 ? trans("sweep") : "";
    this.#reason.textContent = words;
    this.#reason.hidden = !words;
    this.element.toggleAttribute("data-refused", !usable);
  }

  #drawTicks(offered: readonly string[], values: readonly string[]): void {
    const { name, choices } = this.#options.parameter;
    if (!this.#boxes.size) {
      this.#boxes = new Map(choices.map((choice) => [choice, h("input", { type: "checkbox" })]));
      const labels = [...this.#boxes].map(([choice, box]) => {
        box.addEventListener("change", () => this.#takeTicks());
        return h("label", { class: "pplab-check" }, box, h("span", {}, choice));
      });
      fill(this.#ticks, ...labels);
    }
    for (const [choice, box] of this.#boxes) {
      box.checked = values.includes(choice);
      box.disabled = offered.length > 0 && !offered.includes(choice) && !box.checked;
      box.title = box.disabled ? trans("The models do not take %1 %2", name, choice) : "";
    }
  }

  #takeTicks(): void {
    const ticked = [...this.#boxes].filter(([, box]) => box.checked).map(([choice]) => choice);
    this.#options.onChange(ticked.join(","), false);
  }
}
