// Which events are shown: by event, actor, correlation id and time.

import { button, h } from "../shared/dom.js";
import { labelledControl } from "../shared/field.js";
import type { ConsoleTraits } from "../shared/generated/console.js";
import { drawFilter } from "../shared/select.js";
import { parseTime } from "../shared/time.js";
import { trans } from "../shared/translation.js";

type Filter = "event" | "actor" | "correlation" | "since" | "until";
type FilterValues = Pick<ConsoleTraits, Filter>;

const NONE: FilterValues = { event: null, actor: null, correlation: null, since: null, until: null };

interface FiltersOptions {
  readonly onChange: (values: Partial<FilterValues>) => void;
}

export class Filters {
  readonly element = h("div", { class: "pplab-filters", role: "group", "aria-label": trans("Filters") });
  readonly #event = h("select");
  readonly #actor = h("select");
  readonly #correlation = h("input", { type: "text", size: 34, spellcheck: "false", autocomplete: "off" });
  readonly #since = h("input", { type: "datetime-local", step: 1 });
  readonly #until = h("input", { type: "datetime-local", step: 1 });
  #values = NONE;

  constructor({ onChange }: FiltersOptions) {
    this.#event.addEventListener("change", () => onChange({ event: this.#event.value || null }));
    this.#actor.addEventListener("change", () => onChange({ actor: this.#actor.value || null }));
    this.#correlation.addEventListener("change", () =>
      onChange({ correlation: this.#correlation.value.trim() || null }),
    );
    this.#since.addEventListener("change", () => onChange({ since: stored(this.#since.value, 0) }));
    // A second has a thousand milliseconds, and "to" includes the whole of the one that is named.
    this.#until.addEventListener("change", () => onChange({ until: stored(this.#until.value, 999) }));
    this.element.append(
      labelledControl(trans("Event"), this.#event),
      labelledControl(trans("Actor"), this.#actor),
      labelledControl(trans("Correlation id"), this.#correlation),
      labelledControl(trans("From"), this.#since),
      labelledControl(trans("To"), this.#until),
      button(trans("Clear"), () => onChange(NONE)),
    );
  }

  /** Offer what there is, and show what is chosen; a field whose value stays is left alone, since it may be typed in. */
  draw({ choices, ...values }: FilterValues & Pick<ConsoleTraits, "choices">): void {
    drawFilter(this.#event, choices.events.map(option), values.event);
    drawFilter(this.#actor, choices.actors.map(option), values.actor);
    const before = this.#values;
    if (values.correlation !== before.correlation) this.#correlation.value = values.correlation ?? "";
    if (values.since !== before.since) this.#since.value = local(values.since);
    if (values.until !== before.until) this.#until.value = local(values.until);
    this.#values = values;
  }
}

function option(word: string) {
  return { value: word, label: word };
}

/** The stored form, in UTC, of a moment in the browser's field, which is by the local clock and to the second. */
function stored(field: string, milliseconds: number): string | null {
  if (!field) return null;
  const at = new Date(field);
  at.setMilliseconds(milliseconds);
  return at.toISOString().slice(0, -1);
}

/** A stored moment as the browser's field wants it. */
function local(moment: string | null): string {
  if (!moment) return "";
  const at = parseTime(moment);
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}
