// What the kernel may say to the view in tests.

import type { Bar, Period, Step, TimingTraits, Totals } from "../../shared/generated/timing.js";

export const AT = "2026-11-23T01:00:00.000000";
export const TOTALS: Totals = { begins: AT, ends: "2026-11-23T01:10:00.000000", step: 60, tokens: 1234, cost: 0.0042 };

export function step(id: string, changes: Partial<Step> = {}): Step {
  const spent = { calls: 2, tokens: 120, cost: 0.003 };
  return {
    kind: "cell",
    id,
    name: `cell ${id}`,
    about: "",
    status: "ok",
    at: AT,
    took: 1500,
    trace: `${id}0af765`,
    ...spent,
    ...changes,
  };
}

export function period(place: number, changes: Partial<Period> = {}): Period {
  return { kind: "cell", place, count: 2, failed: 0, shortest: 5, median: 40, longest: 300, ...changes };
}

export function bar(id: string, changes: Partial<Bar> = {}): Bar {
  return { kind: "call", id, depth: 1, name: `call ${id}`, status: "ok", at: AT, start: 10, took: 90, ...changes };
}

export const TRAITS: Omit<TimingTraits, "me" | "problem" | "took"> = {
  first: "cell",
  totals: TOTALS,
  durations: [
    { kind: "cell", count: 3, failed: 1, median: 40, high: 280, longest: 300 },
    { kind: "call", count: 2, failed: 0, median: 0.4, high: 90, longest: 125_000 },
  ],
  periods: [period(0), period(9, { failed: 1 }), period(9, { kind: "call", count: 1 })],
  lists: {
    latest: [step("a"), step("b", { status: "error", cost: null, tokens: null, calls: 0 })],
    slowest: [step("b"), step("a")],
    dearest: [step("a")],
  },
  reach: "today",
  trace: null,
  waterfall: null,
};
