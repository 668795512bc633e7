// The parameters that are not in the form yet: searched by name or meaning, those that no model takes with the reason.

import { button, fill, freshId, h } from "../shared/dom.js";
import type { Offer } from "../shared/generated/studio.js";
import { trans } from "../shared/translation.js";

const FREE = "x.";
const FIELD = /^x\.[^\s=,.@"'{}[\]]{1,64}$/;

interface Named {
  readonly name: string;
  readonly meaning: string;
}

interface MoreOptions {
  readonly onAdd: (name: string) => void;
}

export class MoreParameters {
  readonly element: HTMLDetailsElement;
  readonly #onAdd: MoreOptions["onAdd"];
  readonly #search: HTMLInputElement;
  readonly #list = h("ul", { class: "pplab-more-list" });
  #parameters: readonly Named[] = [];
  #offers: Readonly<Record<string, Offer>> = {};

  constructor({ onAdd }: MoreOptions) {
    this.#onAdd = onAdd;
    this.#search = h("input", {
      type: "search",
      class: "pplab-field",
      placeholder: trans("name, meaning, or %1NAME to send any field", FREE),
      id: freshId("field"),
    });
    this.#search.addEventListener("input", () => this.#draw());
    this.element = h(
      "details",
      { class: "pplab-studio-more" },
      h("summary", {}, trans("More parameters")),
      h("label", { class: "pplab-more-search", for: this.#search.id }, trans("Search parameters")),
      this.#search,
      this.#list,
    );
  }

  /** Show the parameters that may be added. */
  draw(parameters: readonly Named[], offers: Readonly<Record<string, Offer>>): void {
    this.#parameters = parameters;
    this.#offers = offers;
    this.#draw();
  }

  #draw(): void {
    const wanted = this.#search.value.trim();
    const word = wanted.toLowerCase();
    const found = this.#parameters.filter(({ name, meaning }) => `${name} ${meaning}`.toLowerCase().includes(word));
    const rows = found.map(({ name, meaning }) => this.#row(name, meaning, this.#offers[name]));
    if (FIELD.test(wanted)) rows.push(this.#row(wanted, trans("is sent as it is"), undefined));
    const none = h("li", { class: "pplab-quiet" }, trans("None has this name; write %1NAME to send any field.", FREE));
    fill(this.#list, ...(rows.length > 0 ? rows : [none]));
  }

  #row(name: string, meaning: string, offer: Offer | undefined): HTMLElement {
    const refused = offer !== undefined && !offer.usable;
    const add = button(refused ? name : `+ ${name}`, () => this.#add(name), "quiet");
    add.setAttribute("aria-label", trans("Add %1", name));
    add.disabled = refused;
    const sentences = refused ? [offer.words] : [meaning, offer?.words ?? ""];
    const words = h("span", { class: "pplab-quiet" }, sentences.filter(Boolean).join(". "));
    const row = h("li", {}, add, words);
    row.toggleAttribute("data-refused", refused);
    return row;
  }

  #add(name: string): void {
    this.#search.value = "";
    this.#onAdd(name);
  }
}
