// The table of answers by parameters: what each answer added, so that every column adds up to its result.

import { h } from "./dom.js";
import { number } from "./format.js";
import type { LegalRange } from "./ranges.js";
import { trans } from "./translation.js";

type Ends = readonly [number, number];
type EndsByName = Readonly<Record<string, Ends>>;

/** An answer, and what it added to ranges and scores. */
interface AnswerAdded {
  readonly question: string;
  readonly text: string;
  readonly answer: string;
  readonly ends: EndsByName;
  readonly scores: Readonly<Record<string, number>>;
}

/** Where everybody starts, what each answer added, and what that came to. */
export interface AnswerSums {
  readonly starts: EndsByName;
  readonly rows: readonly AnswerAdded[];
  readonly ranges: EndsByName;
  readonly points: Readonly<Record<string, readonly number[]>>;
  readonly precision: number;
  readonly personality: number;
}

const START_SCORE = 50;
const LONG_NAME = 12;

/** The ranges and scores everybody starts from, a row an answer, and the result. */
export function answerTable(axes: readonly LegalRange[], sums: AnswerSums): HTMLElement {
  const shown = axes.filter(({ name }) => name in sums.ranges);
  const scores: Readonly<Record<string, number>> = {
    precision: sums.precision,
    personality: sums.personality,
  };
  const names = Object.keys(scores);
  const titles = [trans("precision"), trans("personality")];
  const ends = (ranges: EndsByName) => shown.map(({ name }) => pair(ranges[name], (end) => number(end)));
  const answers = sums.rows.map((row) =>
    line(
      h("th", { scope: "row", title: row.text }, `${row.question}: ${row.answer}`),
      shown.map(({ name }) => pair(row.ends[name], change)),
      names.map((name) => change(row.scores[name] ?? 0)),
    ),
  );
  const start = line(
    rowHead(trans("start")),
    ends(sums.starts),
    names.map(() => number(START_SCORE)),
  );
  const result = line(
    rowHead(trans("result")),
    ends(sums.ranges),
    names.map((name) => number(scores[name] ?? START_SCORE)),
  );
  const tried = shown.map(({ name }) => {
    const values = (sums.points[name] ?? []).map((point) => number(point)).join(", ");
    return h("td", { colspan: 2, class: "pplab-answers-first pplab-answers-centre" }, values);
  });
  const table = h(
    "table",
    { class: "pplab-table pplab-answers" },
    h("caption", {}, trans("What each answer added to the low and the high end of each range, and to the two scores")),
    columnHeads(shown, titles),
    h("tbody", {}, start, ...answers),
    h("tfoot", {}, result, h("tr", {}, rowHead(trans("values to try")), ...tried, ...names.map(() => scoreCell("")))),
  );
  return h("div", { class: "pplab-scroll", tabindex: 0 }, table);
}

/** Each parameter above its low and high end, then the scores. */
function columnHeads(axes: readonly LegalRange[], scores: readonly string[]): HTMLElement {
  const parameters = axes.map(({ name, meaning }) =>
    h(
      "th",
      { scope: "colgroup", colspan: 2, title: meaning, class: "pplab-answers-first pplab-answers-centre" },
      ...folded(name),
    ),
  );
  const totals = scores.map((name) =>
    h("th", { scope: "col", rowspan: 2, class: "pplab-answers-first pplab-answers-score" }, name),
  );
  const ends = axes.flatMap(() => [
    h("th", { scope: "col", class: "pplab-answers-first" }, trans("low")),
    h("th", { scope: "col" }, trans("high")),
  ]);
  return h(
    "thead",
    {},
    h("tr", {}, h("th", { scope: "col", rowspan: 2 }, trans("answer")), ...parameters, ...totals),
    h("tr", {}, ...ends),
  );
}

function line(
  label: HTMLElement,
  ends: readonly (readonly [string, string])[],
  scores: readonly string[],
): HTMLElement {
  const cells = ends.flatMap(([low, high]) => [h("td", { class: "pplab-answers-first" }, low), h("td", {}, high)]);
  return h("tr", {}, label, ...cells, ...scores.map(scoreCell));
}

function pair(ends: Ends | undefined, words: (end: number) => string): readonly [string, string] {
  const [low, high] = ends ?? [0, 0];
  return [words(low), words(high)];
}

function rowHead(words: string): HTMLElement {
  return h("th", { scope: "row" }, words);
}

function scoreCell(words: string): HTMLElement {
  return h("td", { class: "pplab-answers-first pplab-answers-score" }, words);
}

function change(value: number): string {
  return value === 0 ? "" : `${value > 0 ? "+" : ""}${number(value)}`;
}

/** A long name in two lines, the second being its last word. */
function folded(name: string): (string | HTMLElement)[] {
  const cut = name.lastIndexOf("_") + 1;
  return cut > 0 && name.length > LONG_NAME ? [name.slice(0, cut), h("br"), name.slice(cut)] : [name];
}
