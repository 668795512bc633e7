// Numbers in words, as the static views of Python write them.

import { trans } from "./translation.js";

const WHOLE = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

/** A number with at most `digits` decimals and thousands separated: 1,024 or 0.75. */
export function number(value: number, digits = 2): string {
  return Math.abs(value) >= 1000 ? WHOLE.format(value) : String(Number(value.toFixed(digits)));
}

/** A closed interval: "0.3 to 1", or the one value it holds. */
export function interval([low, high]: readonly [number, number]): string {
  return low === high ? number(low) : trans("%1 to %2", number(low), number(high));
}

/** A duration: "0.34 ms", "12 ms", "1.4 s" or "2 min 5 s". */
export function duration(milliseconds: number): string {
  if (milliseconds < 1) return `${Number(milliseconds.toPrecision(2))} ms`;
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  const seconds = milliseconds / 1000;
  if (seconds < 60) return `${number(seconds, 1)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}

/** US dollars with two digits that say something, and no fewer than cents, as `pplab.analysis.phrasing.dollars` writes them. */
export function dollars(value: number): string {
  if (value <= 0) return "$0";
  return value >= 1000 ? `$${number(value)}` : `$${value.toFixed(Math.max(2, 1 - Math.floor(Math.log10(value))))}`;
}
