// How many cells, operations and calls there were, and how long they took.

import { fill, h } from "../shared/dom.js";
import { duration, number } from "../shared/format.js";
import type { Durations } from "../shared/generated/timing.js";
import { KINDS, plural } from "./kinds.js";

const COLUMNS = ["Kind", "Number", "Failed", "Median", "95 % took at most", "Longest"];

export class DurationsTable {
  readonly element: HTMLElement;
  readonly #body = h("tbody");

  constructor() {
    const table = h(
      "table",
      { class: "pplab-table" },
      h("caption", { class: "pplab-hidden" }, "How long cells, operations and calls took"),
      h("thead", {}, h("tr", {}, ...COLUMNS.map((name) => h("th", { scope: "col" }, name)))),
      this.#body,
    );
    this.element = h(
      "div",
      { class: "pplab-scroll pplab-durations", role: "region", "aria-label": "Durations", tabindex: 0 },
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
