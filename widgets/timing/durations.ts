// How many cells, operations and calls there were, and how long they took.

import { fill, h } from "../shared/dom.js";
import { duration, number } from "../shared/format.js";
import type { Durations } from "../shared/generated/timing.js";
import { trans } from "../shared/translation.js";
import { KINDS, plural } from "./kinds.js";

export class DurationsTable {
  readonly element: HTMLElement;
  readonly #body = h("tbody");

  constructor() {
    const columns = [
      trans("Kind"),
      trans("Number"),
      trans("Failed"),
      trans("Median"),
      trans("95 % took at most"),
      trans("Longest"),
    ];
    const table = h(
      "table",
      { class: "pplab-table" },
      h("caption", { class: "pplab-hidden" }, trans("How long cells, operations and calls took")),
      h("thead", {}, h("tr", {}, ...columns.map((name) => h("th", { scope: "col" }, name)))),
      this.#body,
    );
    this.element = h(
      "div",
      { class: "pplab-scroll", role: "region", "aria-label": trans("Durations"), tabindex: 0 },
      table,
    );
  }

  /** Show one row for each kind, also for one of which there is none. */
  draw(durations: readonly Durations[]): void {
    const rows = KINDS.map((kind) => {
      const found = durations.find((one) => one.kind === kind);
      const took = found ? [found.median, found.high, found.longest].map(duration) : ["-", "-", "-"];
      const values = [number(found?.count ?? 0), number(found?.failed ?? 0), ...took];
      return h(
        "tr",
        { "data-kind": kind },
        h("th", { scope: "row" }, plural(kind)),
        ...values.map((value) => h("td", { class: "pplab-number" }, value)),
      );
    });
    fill(this.#body, ...rows);
  }
}
