// A note about an item: opened when it is wanted, and left with Escape or Ctrl+Enter.

import { button, freshId, h } from "../shared/dom.js";
import { trans } from "../shared/translation.js";

interface NoteOptions {
  readonly onLeave: () => void;
}

export class Note {
  readonly element: HTMLElement;
  readonly opener: HTMLButtonElement;
  readonly #field = h("textarea", { class: "pplab-rate-field", rows: 2, maxlength: 2000, id: freshId("note") });

  constructor({ onLeave }: NoteOptions) {
    const label = h("label", { for: this.#field.id }, trans("Note on this item; Escape goes back to rating"));
    this.element = h("div", { class: "pplab-rate-note", hidden: true }, label, this.#field);
    this.opener = button(`${trans("Note")} `, () => this.open());
    this.opener.append(h("kbd", { "aria-hidden": "true" }, "n"));
    for (const [name, value] of Object.entries({ keyshortcuts: "n", expanded: "false" }))
      this.opener.setAttribute(`aria-${name}`, value);
    this.#field.addEventListener("keydown", (event) => {
      const leaves = event.key === "Escape" || (event.key === "Enter" && (event.ctrlKey || event.metaKey));
      if (!leaves || event.isComposing) return;
      event.preventDefault();
      this.#show(this.text !== "");
      onLeave();
    });
  }

  /** What is written, without space around it. */
  get text(): string {
    return this.#field.value.trim();
  }

  /** Show the note of another item, if it has one. */
  draw(text: string): void {
    this.#field.value = text;
    this.#show(text !== "");
  }

  /** Begin to write. */
  open(): void {
    this.#show(true);
    this.#field.focus();
  }

  #show(shown: boolean): void {
    this.element.hidden = !shown;
    this.opener.setAttribute("aria-expanded", String(shown));
  }
}
