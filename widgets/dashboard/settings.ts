// The values of the charts as a table.

import { h } from "../shared/dom.js";
import { dollars, duration, number } from "../shared/format.js";
import type { Board, Score, SettingRow } from "../shared/generated/dashboard.js";
import { trans } from "../shared/translation.js";

/** Return the table of settings; it can be scrolled by keyboard. */
export function settingsTable(board: Board): HTMLElement {
  const metrics = Object.keys(board.settings[0]?.scores ?? {});
  const columns = [
    trans("Setting"),
    trans("Usable"),
    trans("Not usable"),
    ...metrics,
    trans("Latency"),
    trans("Tokens"),
    trans("Cost"),
    trans("Pareto front"),
  ];
  const rows = board.settings.map((row, index) => tableRow(row, index + 1, metrics));
  const table = h(
    "table",
    { class: "pplab-table" },
    h("caption", {}, trans("Settings: mean scores with 95 % intervals, median latency, mean output tokens")),
    h("thead", {}, h("tr", {}, ...columns.map((name) => h("th", { scope: "col" }, name)))),
    h("tbody", {}, ...rows),
  );
  const more = board.settings_left_out;
  const note =
    more > 0 && h("p", { class: "pplab-quiet" }, trans("and %1 more settings with fewer responses", number(more)));
  const scroller = { class: "pplab-scroll", role: "region", "aria-label": trans("Values of the charts"), tabindex: 0 };
  return h("div", {}, h("div", scroller, table), note);
}

function tableRow(row: SettingRow, place: number, metrics: readonly string[]): HTMLElement {
  const cells = [
    trans("%1 of %2", number(row.ok), number(row.responses)),
    row.unusable || trans("none"),
    ...metrics.map((name) => scoreInWords(row.scores[name])),
    row.latency === null ? trans("n/a") : duration(row.latency),
    row.output_tokens === null ? trans("n/a") : number(row.output_tokens, 0),
    row.cost === null ? trans("n/a") : dollars(row.cost),
    row.on_front ? trans("yes") : "",
  ];
  return h(
    "tr",
    {},
    h("th", { scope: "row" }, h("span", { class: "pplab-place" }, String(place)), row.label),
    ...cells.map((cell) => h("td", {}, cell)),
  );
}

function scoreInWords(score: Score | undefined): string {
  if (!score || score.value === null) return trans("n/a");
  const { value, low, high } = score;
  if (low === null || high === null) return value.toFixed(2);
  return trans("%1 (%2 to %3)", value.toFixed(2), low.toFixed(2), high.toFixed(2));
}
