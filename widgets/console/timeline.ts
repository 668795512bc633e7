// The latest cells and operations as a table with bars on a time line.

import { fill, h } from "../shared/dom.js";
import { duration } from "../shared/format.js";
import type { Bar } from "../shared/generated/console.js";
import { preciseTime } from "../shared/time.js";
import { lane, timeScale } from "../shared/timeline.js";
import { trans } from "../shared/translation.js";

export class Timeline {
  readonly element: HTMLElement;
  readonly #body = h("tbody");
  readonly #empty = h("p", { class: "pplab-quiet pplab-none" });

  constructor() {
    const columns = [
      trans("Started"),
      trans("Cell or operation"),
      trans("Status"),
      trans("Duration"),
      trans("Time line"),
    ];
    const table = h(
      "table",
      { class: "pplab-table pplab-timeline" },
      h("caption", { class: "pplab-hidden" }, trans("The latest cells and operations, newest first")),
      h("thead", {}, h("tr", {}, ...columns.map((name) => h("th", { scope: "col" }, name)))),
      this.#body,
    );
    const scroller = { class: "pplab-scroll", role: "region", "aria-label": trans("Time line"), tabindex: 0 };
    this.element = h("div", { class: "pplab-list" }, h("div", scroller, table, this.#empty));
  }

  /** Draw the bars, which come in the order they began. */
  draw(bars: readonly Bar[]): void {
    const scale = timeScale(bars);
    const rows = bars.map((bar) => row(bar, scale));
    fill(this.#body, ...rows.reverse());
    this.#empty.textContent = bars.length ? "" : trans("No cells or operations yet.");
  }
}

function row(bar: Bar, scale: (moment: number) => number): HTMLElement {
  return h(
    "tr",
    {},
    h("td", {}, preciseTime(bar.at)),
    h("th", { scope: "row" }, bar.name),
    h("td", {}, h("span", { class: "pplab-status", "data-status": bar.status }, bar.status)),
    h("td", { class: "pplab-number" }, duration(bar.took)),
    lane(bar, bar.kind, scale),
  );
}
