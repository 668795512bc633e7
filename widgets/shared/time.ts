// Moments in words, by the reader's clock.

const CLOCK: Intl.DateTimeFormatOptions = { hour: "2-digit", minute: "2-digit" };
const DAY: Intl.DateTimeFormatOptions = { day: "numeric", month: "short" };

/** The moment of a stored time, which is UTC without saying so. */
export function parseTime(stored: string): Date {
  return new Date(`${stored}Z`);
}

/** A stored time for a table: "14:05" today, else "3 Nov, 14:05". */
export function shortTime(stored: string): string {
  const at = parseTime(stored);
  const today = at.toDateString() === new Date().toDateString();
  return at.toLocaleString("en-GB", today ? CLOCK : { ...DAY, ...CLOCK });
}

/** A stored time to the millisecond: "14:05:09.123". */
export function preciseTime(stored: string): string {
  const at = parseTime(stored);
  return `${at.toLocaleTimeString("en-GB", { ...CLOCK, second: "2-digit" })}.${String(at.getMilliseconds()).padStart(3, "0")}`;
}
