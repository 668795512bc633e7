// Which events are shown: by event, actor, chain of cause and time.

import { button, fill, h } from "../shared/dom.js";
import { labelled } from "../shared/field.js";
import { parseTime } from "../shared/time.js";
import type { ConsoleView } from "./index.js";

export class Filters {
  readonly element = h("div", { class: "pplab-filters", role: "group", "aria-label": "Filters" });
  readonly #view: ConsoleView;

  constructor(view: ConsoleView) {
    this.#view = view;
    this.#addChoice("Event", "event", () => view.get("choices").events);
    this.#addChoice("Actor", "actor", () => view.get("choices").actors);
    this.#addCorrelation();
    this.#addTime("From", "since");
    this.#addTime("To", "until");
    const clear = () => view.change({ event: null, actor: null, correlation: null, since: null, until: null });
    this.element.append(button("Clear", clear));
  }

  #addChoice(name: string, trait: "event" | "actor", known: () => readonly string[]): void {
    const select = h("select");
    const draw = () => {
      const chosen = this.#view.get(trait);
      const words = chosen && !known().includes(chosen) ? [chosen, ...known()] : known();
      const drawn = JSON.stringify(words);
      if (select.dataset.drawn !== drawn) {
        fill(select, h("option", { value: "" }, "All"), ...words.map((word) => h("option", { value: word }, word)));
        select.dataset.drawn = drawn;
      }
      select.value = chosen ?? "";
    };
    select.addEventListener("change", () => this.#view.change({ [trait]: select.value || null }));
    this.#view.on("choices", draw);
    this.#view.on(trait, draw);
    this.element.append(labelled(name, select));
  }

  #addCorrelation(): void {
    const input = h("input", { type: "text", size: 34, spellcheck: "false", autocomplete: "off" });
    input.addEventListener("change", () => this.#view.change({ correlation: input.value.trim() || null }));
    this.#view.on("correlation", (value) => {
      input.value = value ?? "";
    });
    this.element.append(labelled("Correlation id", input));
  }

  #addTime(name: string, trait: "since" | "until"): void {
    const input = h("input", { type: "datetime-local", step: 1 });
    input.addEventListener("change", () => {
      const at = input.value ? new Date(input.value) : null;
      // A second has a thousand milliseconds, and "to" includes the whole of the one that is named.
      if (at && trait === "until") at.setMilliseconds(999);
      this.#view.change({ [trait]: at ? at.toISOString().slice(0, -1) : null });
    });
    this.#view.on(trait, (value) => {
      input.value = value ? local(parseTime(value)) : "";
    });
    this.element.append(labelled(name, input));
  }
}

/** A moment as the browser's field wants it: by the local clock, to the second. */
function local(at: Date): string {
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}
