// The first rows of a recording or of an exported table.

import type { TranslationBundle } from "@jupyterlab/translation";
import { fill, h } from "../shared/dom.js";
import { number } from "../shared/format.js";
import type { Preview, Value } from "./file_api.js";
import "../shared/base.css";
import "../shared/tables.css";
import "./package.css";

/** Draw the rows into `root`. */
export function drawPreview(root: HTMLElement, trans: TranslationBundle, name: string, found: Preview): void {
  root.dataset.pplab = "preview";
  root.dataset.kind = found.kind;
  fill(root, h("h1", {}, name), h("p", {}, summary(trans, found)), table(name, found));
}

function summary(trans: TranslationBundle, { kind, rows, total, hidden, note }: Preview): string {
  const kinds = {
    recording: trans.__("A recording of calls and their answers"),
    lines: trans.__("Lines of JSON"),
    parquet: trans.__("A parquet table"),
  };
  const count =
    total === null
      ? trans.__("the first %1 rows", number(rows.length))
      : total > rows.length
        ? trans.__("%1 of %2 rows", number(rows.length), number(total))
        : trans._n("%1 row", "%1 rows", total);
  const more = hidden ? trans._n("%1 column is not shown", "%1 columns are not shown", hidden) : "";
  return [kinds[kind], count, more, note].filter(Boolean).join(" · ");
}

function table(name: string, { columns, rows }: Preview): HTMLElement {
  return h(
    "div",
    { class: "pplab-scroll", tabindex: 0, role: "region", "aria-label": name },
    h(
      "table",
      { class: "pplab-table" },
      h("thead", {}, h("tr", {}, ...columns.map((column) => h("th", { scope: "col" }, column)))),
      h("tbody", {}, ...rows.map((row) => h("tr", {}, ...row.map(cell)))),
    ),
  );
}

function cell(value: Value): HTMLElement {
  return h(
    "td",
    { class: typeof value === "number" && "pplab-number", title: String(value ?? "") },
    String(value ?? ""),
  );
}
