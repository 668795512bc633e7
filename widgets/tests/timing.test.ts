import { afterEach, describe, expect, test, vi } from "vitest";
import { dollars, duration } from "../shared/format.js";
import type { TimingTraits } from "../shared/generated/timing.js";
import { logScale, periodClock } from "../timing/chart.js";
import { button, notebook, press } from "./notebook.js";
import { AT, bar, step, TOTALS, TRAITS } from "./states/timing.js";

// jsdom does not lay out, so it has nothing to scroll.
Element.prototype.scrollIntoView = () => undefined;

afterEach(() => document.body.replaceChildren());

async function open(traits: Partial<TimingTraits> = {}) {
  const opening = await notebook("timing", { ...TRAITS, ...traits });
  return { ...opening, ...(await opening.show()) };
}

const rows = (root: Element, region: string) =>
  [...root.querySelectorAll(`[aria-label="${region}"] tbody tr`)].map((row) =>
    [...row.children].map((cell) => cell.textContent),
  );

describe("what is shown", () => {
  test("is asked for once", async () => {
    const { comm } = await open();
    expect(comm.sent).toEqual([{ method: "custom", content: { kind: "ready" } }]);
  });

  test("begins with how many there were and how long they took, with units", async () => {
    const { root } = await open();
    expect(rows(root, "Durations")).toEqual([
      ["Cells", "3", "1", "40 ms", "280 ms", "300 ms"],
      ["Operations", "0", "0", "-", "-", "-"],
      ["Calls", "2", "0", "0.4 ms", "90 ms", "2 min 5 s"],
    ]);
    expect(root.textContent).toContain("2 calls to a model: 1,234 tokens, $0.0042.");
  });

  test("says that it loads, and what to do where there is nothing", async () => {
    const { root, comm } = await open({ totals: null, durations: [] });
    const note = root.querySelector("[role=status]") as HTMLElement;
    expect(note.textContent).toBe("Loading the timings…");
    await comm.update({ totals: { ...TOTALS, tokens: null, cost: null } });
    expect(note.textContent).toContain("Choose a longer one, or run a cell");
    await comm.update({ reach: "all" });
    expect(note.textContent).toContain("%pplab calibrate --preset balanced");
    await comm.update({ durations: TRAITS.durations });
    expect(note.textContent).toBe("");
    expect(root.textContent).toContain("2 calls to a model: tokens unknown, cost unknown.");
  });

  test("reaches as far back as the user chooses", async () => {
    const { root, comm } = await open();
    const select = root.querySelector("select") as HTMLSelectElement;
    expect([...select.options].map((one) => one.label)).toEqual(["Last hour", "Today", "Last 7 days", "All"]);
    select.value = "week";
    select.dispatchEvent(new Event("change"));
    expect(comm.sent.at(-1)).toMatchObject({ method: "update", state: { reach: "week" } });
  });

  test("has a mark for each period, and the same in a table, newest first", async () => {
    const { root } = await open();
    const marks = [...root.querySelectorAll<HTMLElement>(".pplab-period")];
    expect(marks.map((mark) => [mark.dataset.kind, mark.querySelector(".pplab-period-failed") !== null])).toEqual([
      ["cell", false],
      ["cell", true],
      ["call", false],
    ]);
    expect(marks[1]?.title).toMatch(/: 2 cells, median 40 ms, 5 ms to 300 ms, 1 failed$/);
    expect(marks[2]?.title).toMatch(/: 1 call, 40 ms$/);
    expect(marks[1]?.style.left).toBe("90%");
    expect(rows(root, "Over time").map((row) => row.slice(1))).toEqual([
      ["Cells", "2", "1", "5 ms", "40 ms", "300 ms"],
      ["Calls", "1", "0", "5 ms", "40 ms", "300 ms"],
      ["Cells", "2", "0", "5 ms", "40 ms", "300 ms"],
    ]);
  });
});

describe("the lists", () => {
  test("show each step with what it is about, when, how long, and its cost", async () => {
    const { root } = await open();
    const [first, second] = rows(root, "Latest cells");
    expect(first?.[0]).toContain("2 calls, 120 tokens");
    expect(first?.slice(2)).toEqual(["1.5 s", "$0.0030"]);
    expect(second?.slice(2)).toEqual(["1.5 s", "-"]);
    expect(root.querySelector('[data-id="b"] .pplab-status')?.getAttribute("data-status")).toBe("failed");
    expect(rows(root, "Slowest cells").map((row) => row[0])).toHaveLength(2);
    expect(root.querySelector('[aria-label="Dearest operations"]')?.textContent).toContain("None that is known");
  });

  test("are chosen by kind with the arrow keys, and begin with the kind that was asked for", async () => {
    const { root } = await open({ first: "operation" });
    const chosen = () => root.querySelector('[role="tab"][aria-selected="true"]') as HTMLElement;
    expect(chosen().textContent).toBe("Operations");
    expect(press(chosen(), "ArrowRight")).toBe(false);
    expect(chosen().textContent).toBe("Calls");
    expect(document.activeElement).toBe(chosen());
  });

  test("keep the focus where it is while new rows arrive", async () => {
    const { root, comm } = await open();
    const latest = root.querySelector('[aria-label="Latest cells"]') as HTMLElement;
    button(latest, "cell b").focus();
    await comm.update({ lists: { ...TRAITS.lists, latest: [step("c"), step("b")] } });
    expect(document.activeElement).toBe(button(latest, "cell b"));
    await comm.update({ lists: { ...TRAITS.lists, latest: [step("d"), step("c")] } });
    expect(document.activeElement).toBe(latest);
  });
});

describe("a trace", () => {
  const trace = "a0af765";
  const bars = [
    bar("1", { kind: "cell", depth: 0, name: "cell [1]", start: 0, took: 100 }),
    bar("2"),
    bar("3", { start: 55, took: 45 }),
  ];

  test("is asked for from a step, drawn below, and closed with the focus back on the step", async () => {
    const { root, comm } = await open();
    const latest = root.querySelector('[aria-label="Latest cells"]') as HTMLElement;
    button(latest, "cell a").click();
    expect(comm.sent.at(-1)).toMatchObject({ method: "update", state: { trace } });
    const panel = root.querySelector<HTMLElement>('[aria-label="Trace"]');
    expect(panel?.textContent).toBe("Loading the trace…");
    await comm.update({ waterfall: { id: trace, bars, left_out: 40 } });
    expect(panel?.textContent).toContain("40 shorter calls are not drawn");
    expect(rows(root, "Waterfall").map((row) => row.slice(0, 4))).toEqual([
      ["cell [1]", "ok", "0 ms", "100 ms"],
      ["call 2", "ok", "10 ms", "90 ms"],
      ["call 3", "ok", "55 ms", "45 ms"],
    ]);
    const drawn = [...root.querySelectorAll<HTMLElement>(".pplab-waterfall .pplab-bar")].map((one) => one.style.left);
    expect(drawn).toEqual(["0%", "10%", "55%"]);
    button(panel as HTMLElement, "Close").click();
    expect(comm.sent.at(-1)).toMatchObject({ method: "update", state: { trace: null } });
    expect(panel?.hidden).toBe(true);
    expect(document.activeElement).toBe(button(latest, "cell a"));
  });

  test("gives the command that lists all of it", async () => {
    const { root } = await open({ trace, waterfall: { id: trace, bars, left_out: 0 } });
    const written = vi.fn(async () => undefined);
    vi.stubGlobal("navigator", { clipboard: { writeText: written } });
    button(root, "Copy trace command").click();
    expect(written).toHaveBeenCalledWith(`%pplab trace ${trace} --full`);
    vi.unstubAllGlobals();
  });
});

describe("scales", () => {
  test("of durations end at powers of ten, also where all are alike or nothing", () => {
    expect(logScale([5, 300])).toMatchObject({ low: 1, high: 1000 });
    expect(logScale([100, 100])).toMatchObject({ low: 100, high: 1000 });
    expect(logScale([0])).toMatchObject({ low: 0.001, high: 0.01 });
    expect(logScale([1, 100]).at(10)).toBeCloseTo(50);
  });

  test("of time are as exact as a period is long", () => {
    const clock = (step: number, ends: string) => periodClock({ ...TOTALS, step, ends });
    expect(clock(5, TOTALS.ends).at(1)).toMatch(/^\d\d:\d\d:05$/);
    expect(clock(60, TOTALS.ends)).toMatchObject({ count: 10 });
    expect(clock(60, TOTALS.ends).at(1)).toMatch(/^\d\d:01$/);
    expect(clock(86_400, "2026-11-30T01:00:00.000000").at(1)).toMatch(/^2\d Nov$/);
    expect(clock(60, AT).count).toBe(1);
  });

  test("words keep small values true", () => {
    expect([0, 0.3456, 1.4, 1400, 125_000].map(duration)).toEqual(["0 ms", "0.35 ms", "1 ms", "1.4 s", "2 min 5 s"]);
    expect([0, 0.000012, 0.042, 2.5, 1234.4].map(dollars)).toEqual(["$0", "$0.000012", "$0.042", "$2.50", "$1,234"]);
  });
});
