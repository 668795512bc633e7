import { nullTranslator } from "@jupyterlab/translation";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { translation } from "../extension/translation.js";
import { shortTime } from "../shared/time.js";
import { setTranslation, type Translation, trans, transPlural } from "../shared/translation.js";
import { notebook } from "./notebook.js";
import * as calibration from "./states/calibration.js";
import * as cards from "./states/cards.js";
import * as console from "./states/console.js";
import * as dashboard from "./states/dashboard.js";
import * as quiz from "./states/quiz.js";
import * as rate from "./states/rate.js";
import * as studio from "./states/studio.js";
import * as timing from "./states/timing.js";

const english = nullTranslator.load("pplab");
const marking: Translation = {
  __: (text, ...values) => `‹${english.__(text, ...(values as string[]))}›`,
  _n: (one, many, n, ...values) => `‹${english._n(one, many, n, ...(values as string[]))}›`,
};

const NAMES = ["aria-label", "aria-valuetext", "title", "placeholder"];
const UNITS = /\d (ms|s|min)(?![a-z])/g;

/** All that a view shows or says, as it is, also what is hidden for now. */
function textsOf(root: Element): string[] {
  return [root, ...root.querySelectorAll("*")].flatMap((element) => [
    ...NAMES.map((name) => element.getAttribute(name) ?? ""),
    ...[...element.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE).map((node) => node.textContent ?? ""),
  ]);
}

/** What is left of a text without what went through the translator. */
function unmarked(text: string): string {
  const rest = text.replace(/‹[^‹›]*›/g, "");
  return rest === text ? text.replace(UNITS, "").trim() : unmarked(rest);
}

const plain = (text: string) => text.replace(/[‹›]/g, "");

/** A view that is shown, and what was seen of it so far. */
class Shown {
  constructor(
    readonly root: HTMLElement,
    readonly opening: Awaited<ReturnType<typeof notebook>>,
    private readonly seen: string[],
  ) {
    this.look();
  }

  look(): void {
    this.seen.push(...textsOf(this.root).filter(Boolean));
  }

  /** Press the buttons with these English words, one after the other. */
  async press(...names: string[]): Promise<void> {
    for (const name of names) {
      const found = [...this.root.querySelectorAll("button")].find((one) => plain(one.textContent).trim() === name);
      if (!found) throw new Error(`no button ${name}`);
      found.click();
      await new Promise((resolve) => setTimeout(resolve));
      this.look();
    }
  }

  async type(selector: string, value: string): Promise<void> {
    const field = this.root.querySelector(selector) as HTMLInputElement;
    field.value = value;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    this.look();
  }

  async update(state: Record<string, unknown>): Promise<void> {
    await this.opening.comm.update(state);
    this.look();
  }

  #seq = 0;

  async say(message: Record<string, unknown>): Promise<void> {
    this.#seq += 1;
    await this.opening.comm.custom({ ...message, seq: this.#seq });
    this.look();
  }
}

type Show = (view: string, traits: object, served?: object) => Promise<Shown>;

interface Tour {
  /** Lead the view through what it can show. */
  readonly lead: (show: Show) => Promise<void>;
  /** What of it is not for the translator: words of the kernel, names, and moments. */
  readonly kernel: readonly string[];
}

const CALIBRATION = [
  ...["Be plain.", "Be plain throughout.", "Write in a plain tone.", "What for?", "task: Code"],
  ...["temperature", "how freely words are chosen"],
];
const FILE = { kind: "part", name: "a.csv", part: 1, parts: 1, data: "" };

const TOURS: Readonly<Record<string, Tour>> = {
  frame: {
    async lead(show) {
      const one = await show("calibration", calibration.TRAITS);
      await one.update({ problem: rate.PROBLEM });
      await one.update({ took: { operation: "calibrate", milliseconds: 1234, correlation_id: "ab12" } });
      await one.press("calibrate took 1.2 s");
      vi.mocked(navigator.clipboard.writeText).mockRejectedValueOnce(new Error("not allowed"));
      await one.press("calibrate took 1.2 s");
      one.opening.model.comm_live = false;
      await vi.waitUntil(() => one.root.hasAttribute("data-kernel-gone"));
      one.look();
    },
    kernel: [...CALIBRATION, "the disk is full", "make room"],
  },
  calibration: {
    async lead(show) {
      await show("calibration", calibration.TRAITS);
      await show("calibration", { ...calibration.TRAITS, preview: { ...calibration.PREVIEW, confidence: 1 } });
    },
    kernel: CALIBRATION,
  },
  cards: {
    async lead(show) {
      const page = (...several: object[]) => ({ kind: "page", page: 0, total: several.length, cards: several });
      const failed = { id: "r-2", replicate: 1, status: "failed", failed: true, reason: "The model is loading" };
      const turns = ["user", "model", "user", "model"].map((role) => ({ role, text: `${"x".repeat(400)}y`, left: 3 }));
      const scales = {
        typos: { low: 0, high: 10, higher_is_better: false },
        most: { low: null, high: 1, higher_is_better: true },
        least: { low: 5, high: null, higher_is_better: true },
      };
      const one = await show("cards", { ...cards.TRAITS, code: "client", scales });
      const scores = { coherence: null, typos: 12, most: 2, least: 1 };
      await one.say({ ...page(cards.card()), total: 150 });
      await one.say(
        page(cards.card({ finish_reason: "length", cost: 0, scores, turns, turns_before: 7 }), cards.card(failed)),
      );
      await one.say({
        kind: "explained",
        id: "r-1",
        words: "Plain words.",
        parts: { creativity: { rarity: null }, coherence: {} },
      });
      await one.press("Retry", "Copy", "Copy as code");
      await one.say(page());
      const counts = { planned: 1200, done: 4, failed: 1, in_flight: 3, paused: true, until: 1_800_000_000, unread: 2 };
      await show("cards", { ...cards.TRAITS, state: "running", counts, blocking: true });
      await show("cards", { ...cards.TRAITS, state: "waiting" });
      const served = await show("cards", cards.TRAITS, { lost: "", notebookLabel: "Open in a notebook" });
      await served.say(page(cards.card(failed)));
    },
    kernel: [
      ...["Because.", "Plain words.", "The model is loading", "Why?", "coherence is not judged in German"],
      ...["coherence", "coherence:", "creativity", "creativity:", "rarity", "least", "most", "model", "user"],
      ...["ok (3)", "temperature 0", "temperature 1", "x".repeat(400), "y"],
    ],
  },
  console: {
    async lead(show) {
      const bars = [{ kind: "operation", status: "ok", at: console.row(1).at, name: "run", start: 0, took: 1500 }];
      const one = await show("console", console.TRAITS);
      await one.say({ kind: "rows", place: "all", rows: [console.row(2)], older: true });
      await one.press("cell_executed");
      const records = [{ kind: "experiment", id: "e1", label: "completed", at: console.row(1).at, led: ["response"] }];
      await one.say({ kind: "walked", anchor: "id-2", records, left_out: 4 });
      await one.say({ kind: "rows", place: "all", rows: [], older: false });
      await one.press("Export");
      const { view } = (one.opening.comm.sent.at(-1) as { content: { view: string } }).content;
      await one.say({ ...FILE, view, note: "2 cells were changed." });
      await show("console", { ...console.TRAITS, bars, chain: { head: 1200, verified: 1100, broken: "" } });
    },
    kernel: [
      ...["A cell ran.", "ada", "cell_executed", "status ok", "0af76519", "csv", "jsonl"],
      new Date(`${console.row(1).at}Z`).toLocaleString(),
      ...["completed", "e1", "experiment", "ok", "run", ". 2 cells were changed."],
    ],
  },
  dashboard: {
    async lead(show) {
      const recent = [dashboard.line("b", { name: "", prompt: "" })];
      const one = await show("dashboard", {
        ...dashboard.TRAITS,
        dropped: ["temperature 0: loops"],
        headline: "Use it.",
      });
      await one.update({ exporting: { state: "done", words: "4 answers exported.", name: "a.csv" }, selected: ["a"] });
      await one.press("Download");
      const { view } = (one.opening.comm.sent.at(-1) as { content: { view: string } }).content;
      await one.say({ ...FILE, view });
      const tiles = { ...dashboard.BOARD.tiles, experiments: 3, usable_share: null, latency: null, cost: 0.2 };
      const [row] = dashboard.BOARD.settings;
      const settings = [{ ...row, unusable: "", latency: null, output_tokens: null, cost: null }];
      await one.update({ board: { ...dashboard.BOARD, recent, tiles, settings } });
    },
    kernel: [
      ...["2 experiments over “Prompt a”", "4 answers exported.", "Use it.", "temperature 0: loops", "temperature 0.7"],
      ...["1 failed", "1,188; 8 truncated, 4 failed", "Prompt a", "Prompt b", "a: Prompt a", "b: Prompt b", "b:"],
      ...["ada", "c1, precision 60, personality 40", "coherence", "completed", "creativity", "csv", "embedded", "json"],
      shortTime(dashboard.line("a").at),
      ...["model", "temperature"],
    ],
  },
  quiz: {
    async lead(show) {
      const one = await show("quiz", quiz.TRAITS);
      await one.press("Next");
      await one.update({ answers: { task: "code", surprise: 1 } });
      await one.press("Next", "Finish");
      await one.update({ saved: true, cell: "%%pplab run" });
      await one.press("Copy");
      const reasons = [{ parameter: "temperature", question: "task", answer: "Code", sentence: "“What for?”: so." }];
      await show("quiz", { ...quiz.TRAITS, preview: { ...quiz.PREVIEW, answered: 1, reasons } });
    },
    kernel: [
      ...["What for?", "Sets the start.", "Code", "Chat", "How surprising?", "Moves the end.", "Never", "Often", "So."],
      ...["temperature", "max_tokens", "%%pplab run"],
      ...["Be plain.", "Be plain throughout.", "Write in a plain, neutral tone."],
    ],
  },
  rate: {
    async lead(show) {
      const item = { ...rate.item(2), prompt: "a line\n".repeat(30) };
      const one = await show("rate", { ...rate.TRAITS, standing: rate.standing(2, { item }) });
      await one.press("show more", "show less", "4 good");
      await one.update({ standing: rate.standing(41, { item: null, outcome: "Well rated." }) });
      await show("rate", { ...rate.TRAITS, standing: rate.standing(1, { item: rate.item(1, 2) }) });
    },
    kernel: [
      ...rate.SCALE.map(({ label }) => label),
      ...["How good is this answer?", "Stop when you like.", "Well rated.", "n", "u"],
      ...["a line\n".repeat(30).trim(), "Prompt 1", "Answer 1.0", "Answer 1.1", "Answer 2.0"],
    ],
  },
  studio: {
    async lead(show) {
      const one = await show("studio", studio.TRAITS);
      await one.press("Compare another persona", "Copy");
      await one.type("input[type=search]", "x.mirostat");
      await one.press("+ x.mirostat");
      await one.type("input[type=search]", "nothing");
      await one.update({ ahead: { possible: false, line: "No.", more: ["Give one."], columns: ["city"] } });
      for (const state of ["starting", "running", "paused"]) await one.update({ state });
      const written = { reasoning_effort: "low,high" };
      await show("studio", { ...studio.TRAITS, embedded: true, draft: { ...studio.DRAFT, values: {}, written } });
      const [, max_tokens] = studio.TRAITS.knobs;
      const ranges = { temperature: [0.2, 0.8] as const };
      const calibrations = [{ ...studio.OFFERED, ranges, points: { temperature: [0.3] }, kept: {}, persona: "" }];
      await show("studio", { ...studio.TRAITS, knobs: [...studio.TRAITS.knobs, max_tokens], calibrations });
      await show("studio", { ...studio.TRAITS, calibrations, draft: { ...studio.DRAFT, values: {} } });
    },
    kernel: [
      ...["10 calls to small", "Input: 20 tokens.", "No.", "Give one.", "You are kind.", "%%pplab run --n 5\nWhy?"],
      ...["precision 50, personality 50", "small does not take it", "how much it thinks", "none", "low", "high"],
      ...["temperature", "max_tokens", "reasoning_effort", "+ reasoning_effort", "stop", "+ large@there"],
      ...["x.mirostat", "+ x.mirostat"],
    ],
  },
  timing: {
    async lead(show) {
      const one = await show("timing", { ...timing.TRAITS, totals: null, durations: [], periods: [] });
      await one.update({ totals: timing.TOTALS });
      await one.update({ reach: "all" });
      const trace = "a0af765";
      const two = await show("timing", { ...timing.TRAITS, trace });
      await two.update({ waterfall: { id: trace, bars: [timing.bar("2")], left_out: 40 } });
      await two.press("Copy trace command");
      await two.update({ totals: { ...timing.TOTALS, tokens: null, cost: null } });
      await two.update({ durations: [{ kind: "cell", count: 1, failed: 0, median: 1, high: 1, longest: 1 }] });
      await two.update({
        lists: { latest: [timing.step("o", { kind: "operation", calls: 1 })], slowest: [], dearest: [] },
      });
      await two.update({ periods: [timing.period(1, { kind: "operation", count: 1 })] });
    },
    kernel: [
      "cell a",
      "cell b",
      "cell o",
      "call 2",
      "ok",
      "error",
      "%pplab trace a0af765 --full",
      shortTime(timing.AT),
    ],
  },
};

/** Lead a view through its tour; return all that was seen. */
async function see({ lead }: Tour, translation?: Translation): Promise<string[]> {
  const seen: string[] = [];
  await lead(async (view, traits, served) => {
    setTranslation(undefined); // so that a word which is made when the view is loaded, and not when it is drawn, stands out
    const opening = await notebook(view, traits as Record<string, unknown>);
    setTranslation(translation);
    Object.assign(opening.manager, { served });
    const { root } = await opening.show();
    return new Shown(root, opening, seen);
  });
  return seen;
}

beforeEach(() => {
  const writeText = vi.fn(async () => undefined);
  Object.defineProperty(navigator, "clipboard", { value: { writeText }, configurable: true });
  vi.stubGlobal("matchMedia", () => ({ matches: false, addEventListener: () => undefined }));
  vi.stubGlobal(
    "ResizeObserver",
    class {
      observe(): void {}
      disconnect(): void {}
    },
  );
  vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(() => undefined);
  document.execCommand = () => false;
  // jsdom does not lay out, so it has nothing to scroll.
  Element.prototype.scrollIntoView = () => undefined;
});

afterEach(() => {
  setTranslation(undefined);
  document.body.replaceChildren();
});

describe.each(Object.entries(TOURS))("the words of %s", (_name, tour) => {
  test("go through the translator, except those of the kernel", async () => {
    const left = (await see(tour, marking)).map(unmarked).filter((text) => /\p{L}/u.test(text));
    expect([...new Set(left)].sort()).toEqual([...tour.kernel].sort());
  });

  test("are the same in English where there is no translator, with values in their places", async () => {
    const [translated, untranslated] = [await see(tour, marking), await see(tour)];
    expect(untranslated).toEqual(translated.map(plain));
    expect(untranslated.filter((text) => /%\d/.test(text))).toEqual([]);
  });
});

test.each([
  [0, "0 calls in 3 cells"],
  [1, "1 call in 3 cells"],
  [2, "2 calls in 3 cells"],
])("%i is the first value of the form that goes with it", (count, words) => {
  const said = () => transPlural("%1 call in %2 cells", "%1 calls in %2 cells", count, 3);
  expect(said()).toBe(words);
  setTranslation(english);
  expect(said()).toBe(words);
  setTranslation(marking);
  expect(said()).toBe(`‹${words}›`);
});

test("values stand where their numbers are, and are not read again", () => {
  expect(trans("%2 before %1, 95 %", "%2", 3)).toBe("3 before %2, 95 %");
});

test("the extension has the views speak through JupyterLab's translator, in the domain of its own words", () => {
  const load = vi.fn(() => marking);
  translation.activate({} as never, { load });
  expect(trans("Retry")).toBe("‹Retry›");
  expect(load).toHaveBeenCalledWith("pplab");
});
