// Cells and operations as bars on a time line; idle times are cut short, so that work stays visible.

import { fill, h } from "../shared/dom.js";
import { duration } from "../shared/format.js";
import type { Bar } from "../shared/generated/console.js";
import { preciseTime } from "../shared/time.js";

const COLUMNS = ["Started", "Cell or operation", "Status", "Duration", "Time line"];
const GAP = 0.06; // the share of all work that an idle time is drawn as, however long it was

export class Timeline {
  readonly element: HTMLElement;
  readonly #body = h("tbody");
  readonly #empty = h("p", { class: "pplab-quiet pplab-none" });

  constructor() {
    const table = h(
      "table",
      { class: "pplab-table pplab-timeline" },
      h("caption", { class: "pplab-hidden" }, "The latest cells and operations, newest first"),
      h("thead", {}, h("tr", {}, ...COLUMNS.map((name) => h("th", { scope: "col" }, name)))),
      this.#body,
    );
    const scroller = { class: "pplab-scroll", role: "region", "aria-label": "Time line", tabindex: 0 };
    this.element = h("div", { class: "pplab-list" }, h("div", scroller, table, this.#empty));
  }

  /** Draw the bars, which come in the order they began. */
  draw(bars: readonly Bar[]): void {
    const scale = timeScale(bars);
    const rows = bars.map((bar) => row(bar, scale));
    fill(this.#body, ...rows.reverse());
    this.#empty.textContent = bars.length ? "" : "No cells or operations yet.";
  }
}

/** Return where a moment lies, 0 to 1, on a time line on which every idle time has the same small length. */
export function timeScale(bars: readonly Pick<Bar, "start" | "took">[]): (moment: number) => number {
  const busy: [number, number][] = [];
  for (const { start, took } of bars) {
    const last = busy.at(-1);
    if (last && start <= last[1]) last[1] = Math.max(last[1], start + took);
    else busy.push([start, start + took]);
  }
  const work = busy.reduce((sum, [start, end]) => sum + end - start, 0) || 1;
  const gap = GAP * work;
  const length = work + gap * Math.max(busy.length - 1, 0);
  return (moment) => {
    let offset = 0;
    for (const [index, [start, end]] of busy.entries()) {
      if (index > 0) offset += gap;
      if (moment <= end) return (offset + Math.max(moment - start, 0)) / length;
      offset += end - start;
    }
    return 1;
  };
}

function row(bar: Bar, scale: (moment: number) => number): HTMLElement {
  const left = scale(bar.start);
  const width = scale(bar.start + bar.took) - left;
  const style = `left: ${(left * 100).toFixed(2)}%; width: max(3px, ${(width * 100).toFixed(2)}%)`;
  const mark = h("span", { class: "pplab-bar", "data-kind": bar.kind, style });
  return h(
    "tr",
    {},
    h("td", {}, preciseTime(bar.at)),
    h("th", { scope: "row" }, bar.name),
    h("td", {}, h("span", { class: "pplab-status", "data-status": bar.status }, bar.status)),
    h("td", { class: "pplab-number" }, duration(bar.took)),
    h("td", { class: "pplab-lane" }, h("span", { class: "pplab-track", "aria-hidden": "true" }, mark)),
  );
}
