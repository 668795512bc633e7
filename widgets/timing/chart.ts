// How long things took, by when they began: a lane for each kind, a mark for each period of time.

import { fill, h } from "../shared/dom.js";
import { duration, number } from "../shared/format.js";
import type { Period, Totals } from "../shared/generated/timing.js";
import { parseTime } from "../shared/time.js";
import { trans } from "../shared/translation.js";
import { counted, KINDS, type Kind, plural } from "./kinds.js";

const DAY = 86_400; // seconds

/** The chart, and the same as a table that can be opened. */
export class Chart {
  readonly element = h("figure", { class: "pplab-panel pplab-over-time" });
  readonly #lanes = h("div", { class: "pplab-lanes", "aria-hidden": "true" });
  readonly #body = h("tbody");

  constructor() {
    const words = trans(
      "Each mark goes from the shortest to the longest of those that began then; the line in it is the median.",
    );
    const failed = h("span", { class: "pplab-failed-key" });
    const caption = h("figcaption", { class: "pplab-quiet" }, `${words} `, failed, ` ${trans("some failed.")}`);
    const columns = [
      trans("Began"),
      trans("What"),
      trans("Number"),
      trans("Failed"),
      trans("Shortest"),
      trans("Median"),
      trans("Longest"),
    ];
    const heads = columns.map((name) => h("th", { scope: "col" }, name));
    const table = h(
      "table",
      { class: "pplab-table" },
      h("caption", { class: "pplab-hidden" }, trans("Durations by when they began")),
      h("thead", {}, h("tr", {}, ...heads)),
      this.#body,
    );
    const scroller = {
      class: "pplab-scroll pplab-over-time-table",
      role: "region",
      "aria-label": trans("Over time"),
      tabindex: 0,
    };
    const numbers = h("details", {}, h("summary", {}, trans("As a table")), h("div", scroller, table));
    this.element.append(h("h3", {}, trans("Over time")), this.#lanes, caption, numbers);
  }

  /** Draw the periods of a range, newest last in the chart and first in the table. */
  draw(periods: readonly Period[], totals: Totals): void {
    const clock = periodClock(totals);
    fill(this.#lanes, ...KINDS.map((kind) => lane(kind, periods, clock)), axis(clock));
    const rows = [...periods].sort((one, other) => other.place - one.place);
    fill(this.#body, ...rows.map((period) => row(period, clock)));
  }
}

interface PeriodClock {
  /** How many periods there are. */
  readonly count: number;
  /** When a period begins, in words. */
  readonly at: (place: number) => string;
}

/** Return the periods of a range and their beginnings by the reader's clock, only as exact as their length asks for. */
export function periodClock({ begins, ends, step }: Totals): PeriodClock {
  const first = parseTime(begins).getTime();
  const last = parseTime(ends).getTime();
  const count = Math.max(Math.ceil((last - first) / (step * 1000)), 1);
  const sameDay = new Date(first).toDateString() === new Date(last).toDateString();
  const day: Intl.DateTimeFormatOptions = sameDay && step < DAY ? {} : { day: "numeric", month: "short" };
  const year: Intl.DateTimeFormatOptions = last - first > 300 * DAY * 1000 ? { year: "numeric" } : {};
  const time: Intl.DateTimeFormatOptions = step < DAY ? { hour: "2-digit", minute: "2-digit" } : {};
  const second: Intl.DateTimeFormatOptions = step < 60 ? { second: "2-digit" } : {};
  const format = new Intl.DateTimeFormat("en-GB", { ...year, ...day, ...time, ...second });
  return { count, at: (place) => format.format(new Date(first + place * step * 1000)) };
}

/** Return the powers of ten around some durations, of which there are at least two, and where a duration lies between them, 0 to 100. */
export function logScale(durations: readonly number[]): { low: number; high: number; at: (value: number) => number } {
  const positive = durations.map((value) => Math.max(value, 0.001));
  const low = Math.floor(Math.log10(Math.min(...positive)));
  const high = Math.max(Math.ceil(Math.log10(Math.max(...positive))), low + 1);
  const at = (value: number) => ((Math.log10(Math.max(value, 0.001)) - low) / (high - low)) * 100;
  return { low: 10 ** low, high: 10 ** high, at };
}

function lane(kind: Kind, periods: readonly Period[], clock: PeriodClock): HTMLElement {
  const own = periods.filter((period) => period.kind === kind);
  const name = h("span", { class: "pplab-lane-name" }, plural(kind));
  if (!own.length)
    return h("div", { class: "pplab-lane-row" }, name, h("span", { class: "pplab-quiet" }, trans("none")));
  const scale = logScale(own.flatMap(({ shortest, longest }) => [shortest, longest]));
  const lines = Math.round(Math.log10(scale.high / scale.low));
  const grid = `background-size: 100% calc(100% / ${lines})`;
  const ends = h(
    "span",
    { class: "pplab-lane-ends pplab-quiet" },
    h("span", {}, duration(scale.high)),
    h("span", {}, duration(scale.low)),
  );
  const marks = own.map((period) => mark(period, clock, scale.at));
  return h(
    "div",
    { class: "pplab-lane-row" },
    name,
    ends,
    h("div", { class: "pplab-lane-plot", style: grid }, ...marks),
  );
}

function mark(period: Period, { count, at }: PeriodClock, scale: (value: number) => number): HTMLElement {
  const [bottom, middle, top] = [period.shortest, period.median, period.longest].map(scale) as [number, number, number];
  const place = `left: ${share(period.place / count)}; width: max(3px, ${share(0.86 / count)})`;
  const range = `bottom: ${bottom.toFixed(2)}%; height: max(3px, ${(top - bottom).toFixed(2)}%)`;
  return h(
    "span",
    { class: "pplab-period", "data-kind": period.kind, style: place, title: `${at(period.place)}: ${inWords(period)}` },
    h("span", { class: "pplab-period-range", style: range }),
    h("span", { class: "pplab-period-median", style: `bottom: ${middle.toFixed(2)}%` }),
    period.failed > 0 && h("span", { class: "pplab-period-failed" }),
  );
}

function inWords({ kind, count, failed, shortest, median, longest }: Period): string {
  const parts = [
    counted(kind, count),
    count === 1 ? duration(median) : trans("median %1", duration(median)),
    count !== 1 && trans("%1 to %2", duration(shortest), duration(longest)),
    failed > 0 && trans("%1 failed", number(failed)),
  ];
  return parts.filter(Boolean).join(", ");
}

function axis({ count, at }: PeriodClock): HTMLElement {
  const places = count < 3 ? [0, count] : [0, Math.floor(count / 2), count];
  return h("div", { class: "pplab-lane-axis pplab-quiet" }, ...places.map((place) => h("span", {}, at(place))));
}

function row(period: Period, { at }: PeriodClock): HTMLElement {
  const took = [period.shortest, period.median, period.longest].map(duration);
  const values = [number(period.count), number(period.failed), ...took];
  return h(
    "tr",
    {},
    h("td", {}, at(period.place)),
    h("th", { scope: "row" }, plural(period.kind)),
    ...values.map((value) => h("td", { class: "pplab-number" }, value)),
  );
}

function share(part: number): string {
  return `${(part * 100).toFixed(3)}%`;
}
