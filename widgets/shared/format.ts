// Numbers in words, as the static views of Python write them.

const WHOLE = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

/** A number with at most `digits` decimals and thousands separated: 1,024 or 0.75. */
export function number(value: number, digits = 2): string {
  return Math.abs(value) >= 1000 ? WHOLE.format(value) : String(Number(value.toFixed(digits)));
}

/** A closed interval: "0.3 to 1", or the one value it holds. */
export function interval([low, high]: readonly [number, number]): string {
  return low === high ? number(low) : `${number(low)} to ${number(high)}`;
}

/** A duration: "12 ms", "1.4 s" or "2 min 5 s". */
export function duration(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  const seconds = milliseconds / 1000;
  if (seconds < 60) return `${number(seconds, 1)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}
