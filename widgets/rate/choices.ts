// What can be said of an item: a button and a key for each choice.

import { button, h } from "../shared/dom.js";
import type { Choice } from "../shared/generated/rate.js";

export class Choices {
  readonly element = h("div", { class: "pplab-rate-choices" });
  readonly #choices: readonly Choice[];
  readonly #buttons: readonly HTMLButtonElement[];

  constructor(choices: readonly Choice[], onChoose: (choice: string) => void) {
    this.#choices = choices;
    this.#buttons = choices.map(({ value, key, sign, label }) => {
      const made = button(label, () => onChoose(value));
      made.setAttribute("aria-keyshortcuts", key);
      if (sign) made.prepend(h("kbd", { "aria-hidden": "true" }, sign), " ");
      return made;
    });
    this.element.append(...this.#buttons);
  }

  /** Return the choice that this key makes, if it makes one. */
  withKey(key: string): string | undefined {
    return this.#choices.find((choice) => choice.key.toLowerCase() === key.toLowerCase())?.value;
  }

  /** Say whether a choice can be made. Buttons keep the focus when it cannot. */
  enable(enabled: boolean): void {
    for (const made of this.#buttons) made.setAttribute("aria-disabled", String(!enabled));
  }
}
