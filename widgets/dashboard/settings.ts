// The values of the charts as a table.

import { h } from "../shared/dom.js";
import { dollars, duration, number } from "../shared/format.js";
import type { Board, Score, SettingRow } from "../shared/generated/dashboard.js";

/** Return the table of settings; it can be scrolled by keyboard. */
export function settingsTable(board: Board): HTMLElement {
  const metrics = Object.keys(board.settings[0]?.scores ?? {});
  const columns = ["Setting", "Usable", "Not usable", ...metrics, "Latency", "Tokens", "Cost", "Pareto front"];
  const rows = board.settings.map((row, index) => tableRow(row, index + 1, metrics));
  const table = h(
    "table",
    { class: "pplab-table" },
    h("caption", {}, "Settings: mean scores with 95 % intervals, median latency, mean output tokens"),
    h("thead", {}, h("tr", {}, ...columns.map((name) => h("th", { scope: "col" }, name)))),
    h("tbody", {}, ...rows),
  );
  const more = board.settings_left_out;
  const note = more > 0 && h("p", { class: "pplab-quiet" }, `and ${number(more)} more settings with fewer responses`);
  const scroller = { class: "pplab-scroll", role: "region", "aria-label": "Values of the charts", tabindex: 0 };
  return h("div", {}, h("div", scroller, table), note);
}

function tableRow(row: SettingRow, place: number, metrics: readonly string[]): HTMLElement {
  const cells = [
    `${number(row.ok)} of ${number(row.responses)}`,
    row.unusable || "none",
    ...metrics.map((name) => scoreInWords(row.scores[name])),
    row.latency === null ? "n/a" : duration(row.latency),
    row.output_tokens === null ? "n/a" : number(row.output_tokens, 0),
    row.cost === null ? "n/a" : dollars(row.cost),
    row.on_front ? "yes" : "",
  ];
  return h(
    "tr",
    {},
    h("th", { scope: "row" }, h("span", { class: "pplab-place" }, String(place)), row.label),
    ...cells.map((cell) => h("td", {}, cell)),
  );
}

function scoreInWords(score: Score | undefined): string {
  if (!score || score.value === null) return "n/a";
  const { value, low, high } = score;
  const interval = low === null || high === null ? "" : ` (${low.toFixed(2)} to ${high.toFixed(2)})`;
  return value.toFixed(2) + interval;
}
