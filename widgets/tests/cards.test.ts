import { afterEach, describe, expect, test } from "vitest";
import { Card } from "../cards/card.js";
import { Toolbar } from "../cards/toolbar.js";
import type { CardData, CardsTraits, PageRequest } from "../shared/generated/cards.js";
import { button, notebook } from "./notebook.js";
import { card, TRAITS, WANTED } from "./states/cards.js";

const cards = (traits: Partial<CardsTraits> = {}) => notebook("cards", { ...TRAITS, ...traits });
const texts = (root: Element, selector: string) => [...root.querySelectorAll(selector)].map((e) => e.textContent);
const arrived = (seq: number, part: Partial<CardData> = {}) => ({ kind: "arrived", seq, card: card(part) });
const page = (seq: number, cards: CardData[], total = cards.length, at = 0) => ({
  kind: "page",
  seq,
  page: at,
  total,
  cards,
});
const requests = (comm: { readonly sent: readonly Record<string, unknown>[] }) =>
  comm.sent.filter((m) => m.method === "custom").map((m) => m.content);
const choose = (root: Element, label: string, value: string) => {
  const match = [...root.querySelectorAll("label")].find((e) => e.textContent?.startsWith(label));
  const select = match?.querySelector("select") as HTMLSelectElement;
  select.value = value;
  select.dispatchEvent(new Event("change", { bubbles: true }));
};

afterEach(() => document.body.replaceChildren());

describe("a card", () => {
  test("shows the text, the scores as meters, and the facts", async () => {
    const { comm, show } = await cards();
    const { root } = await show();
    await comm.custom(page(1, [card({ badges: ["embedded"] })]));
    const [first] = root.querySelectorAll('[data-pplab="card"]');
    expect(first?.getAttribute("data-status")).toBe("ok");
    expect(texts(root, '[data-pplab="text"]')).toEqual(["Because."]);
    const meters = [...root.querySelectorAll("[role=meter]")];
    expect(meters.map((m) => [m.getAttribute("aria-label"), m.getAttribute("aria-valuenow")])).toEqual([
      ["creativity", "0.25"],
    ]);
    expect(root.querySelector('[data-pplab="metrics"]')?.textContent).toContain("coherencen/a");
    expect(texts(root, '[data-pplab="metrics"] > p')).toContain("coherence is not judged in German");
    expect(root.querySelector('[data-pplab="metrics"]')?.textContent).toContain(
      "3 tokens in · 1,200 out · $0.0012 · 2.5 s",
    );
    expect(texts(root, "[data-badge]")).toEqual(["embedded"]);
    expect(root.querySelector("[role=alert]")).toBeNull();
  });

  test("draws the originality of an answer as a meter after creativity, in a colour of its own", async () => {
    const { comm, show } = await cards();
    const { root } = await show();
    await comm.custom(page(1, [card({ scores: { creativity: 0.25, originality: 0.41, coherence: 0.8 } })]));
    const meters = [...root.querySelectorAll("[role=meter]")];
    expect(meters.map((m) => m.getAttribute("aria-label"))).toEqual(["creativity", "originality", "coherence"]);
    const [, bar] = root.querySelectorAll<HTMLElement>("[role=meter] > span");
    expect(bar?.style.width).toBe("41%");
    expect(bar?.style.background).toContain("--pplab-originality");
  });

  test("copies the call with the setting to use, where one is decided on", async () => {
    const written: string[] = [];
    const clipboard = { writeText: async (text: string) => void written.push(text) };
    Object.defineProperty(navigator, "clipboard", { value: clipboard, configurable: true });
    const { comm, show } = await cards({ code: "client = OpenAI()" });
    const { root } = await show();
    button(root, "Copy as code").click();
    expect(written).toEqual(["client = OpenAI()"]);
    await comm.update({ code: "" });
    expect(button(root, "Copy as code").parentElement?.hidden).toBe(true);
    Reflect.deleteProperty(navigator, "clipboard");
  });

  test("says why an answer ended early", async () => {
    const { comm, show } = await cards();
    const { root } = await show();
    await comm.custom(page(1, [card({ finish_reason: "length" }), card({ replicate: 1 })]));
    const facts = texts(root, '[data-pplab="metrics"]').map((words) => words?.includes("finish reason: length"));
    expect(facts).toEqual([true, false]);
  });

  test("names and colours the reader's scores by what they judge", async () => {
    const { comm, show } = await cards();
    const { root } = await show();
    await comm.custom(page(1, [card({ scores: { coherence: 0.5, reader_coherence: 0.25 } })]));
    expect(texts(root, ".pplab-measure")).toEqual(["coherence0.50", "reader coherence0.25"]);
    const bars = [...root.querySelectorAll<HTMLElement>("[role=meter] span")].map((bar) => bar.style.background);
    expect(new Set(bars).size).toBe(1);
  });

  test("draws a metric of the user's own over its range, and never at the edge of it what lies outside", async () => {
    const { comm, show } = await cards({
      scales: {
        words: { low: 0, high: 500, higher_is_better: false },
        typos: { low: 0, high: 10, higher_is_better: false },
        odd: { low: null, high: null, higher_is_better: true },
      },
    });
    const { root } = await show();
    await comm.custom(page(1, [card({ scores: { words: 125, typos: 12, odd: 3 } })]));
    const meters = [...root.querySelectorAll<HTMLElement>("[role=meter]")];
    expect(meters.map((m) => [m.getAttribute("aria-label"), m.getAttribute("aria-valuemax")])).toEqual([
      ["words (lower is better)", "500"],
    ]);
    expect(meters.map((m) => m.querySelector("span")?.style.width)).toEqual(["25%"]);
    expect(texts(root, ".pplab-measure")).toEqual([
      "words (lower is better)125",
      "typos (lower is better)12 (outside its range, 0 to 10)",
      "odd3",
    ]);
  });

  test("that failed says so and sends just that call again", async () => {
    const { comm, show } = await cards();
    const { root } = await show();
    const failed = { status: "failed", failed: true, reason: "The model is loading", badges: ["failed"], scores: {} };
    await comm.custom(page(1, [card(failed), card({ id: "r-2", replicate: 1 })]));
    expect(texts(root, "[role=alert]")).toEqual(["The model is loading"]);
    button(root, "Retry").click();
    expect(requests(comm).at(-1)).toEqual({ kind: "resend", id: "r-1" });
    expect(button(root, "Sending…").disabled).toBe(true);
    await comm.custom(arrived(2));
    expect(root.querySelector("[role=alert]")).toBeNull();
    expect(root.querySelectorAll('[data-pplab="card"]').length).toBe(2);
  });

  test("can be retried once more when it could not be sent", async () => {
    const { comm, show } = await cards();
    const { root } = await show();
    await comm.custom(page(1, [card({ status: "failed", failed: true, reason: "no" })]));
    button(root, "Retry").click();
    await comm.update({ problem: { code: "store_busy", message: "busy", hint: "wait", correlation_id: null } });
    expect([...root.querySelectorAll("button")].filter((b) => b.textContent === "Retry" && !b.disabled).length).toBe(2);
  });

  test("offers no Retry while the run is under way", async () => {
    const { comm, show } = await cards({ state: "running" });
    const { root } = await show();
    await comm.custom(arrived(1, { status: "failed", failed: true, reason: "no" }));
    expect(texts(root, "[role=alert]")).toEqual(["no"]);
    expect(texts(root, "button")).not.toContain("Retry");
  });

  test("asks for the reasons of its scores once", async () => {
    const { comm, show } = await cards();
    const { root } = await show();
    await comm.custom(page(1, [card()]));
    const why = root.querySelector("article details") as HTMLDetailsElement;
    why.open = true;
    why.dispatchEvent(new Event("toggle"));
    expect(requests(comm).at(-1)).toEqual({ kind: "explain", id: "r-1" });
    const parts = { creativity: { word_variety: 0.5, rarity: null } };
    await comm.custom({ kind: "explained", seq: 2, id: "r-1", words: "Plain words.", parts });
    expect(why.textContent).toContain("Plain words.creativity: word variety 0.5, rarity n/a");
    const before = requests(comm).length;
    why.dispatchEvent(new Event("toggle"));
    expect(requests(comm).length).toBe(before);
  });

  test("keeps the reasons unfolded when the same answer is drawn anew, and asks for them again", async () => {
    const { comm, show } = await cards();
    const { root } = await show();
    await comm.custom(page(1, [card()]));
    const why = () => root.querySelector("article details") as HTMLDetailsElement;
    why().open = true;
    const before = requests(comm).length;
    await comm.custom(page(2, [card()]));
    expect(why().open).toBe(true);
    expect(requests(comm).slice(before)).toEqual([{ kind: "explain", id: "r-1" }]);
    await comm.custom(page(3, [card({ id: "r-2" })]));
    expect(why().open).toBe(false);
    expect(requests(comm).length).toBe(before + 1);
  });
});

describe("a conversation", () => {
  const turn = (role: string, text: string, left = 0) => ({ role, text, left });

  test("stands above its answers as plain text, each message with its role", async () => {
    const { comm, show } = await cards();
    const { root } = await show();
    const turns = [turn("system", "<b>Be brief.</b>"), turn("user", "Why?\nReally?")];
    await comm.custom(page(1, [card({ turns }), card({ turns, replicate: 1 })]));
    expect(texts(root, '[data-pplab="turn"] small')).toEqual(["system", "user"]);
    expect(texts(root, '[data-pplab="turn"] > div')).toEqual(["<b>Be brief.</b>", "Why?\nReally?"]);
    expect(root.querySelectorAll('[data-pplab="conversation"]')).toHaveLength(1);
    expect(root.querySelectorAll('[data-pplab="card"]')).toHaveLength(2);
  });

  test("has its earlier and long messages folded away", async () => {
    const { comm, show } = await cards();
    const { root } = await show();
    const turns = [..."abcd"].map((text) => turn("user", text)).concat(turn("user", "x".repeat(2000), 500));
    await comm.custom(page(1, [card({ turns, turns_before: 7 })]));
    const summaries = texts(root, '[data-pplab="conversation"] summary');
    expect(summaries).toEqual(["10 earlier messages", "show more (2,100 characters)"]);
    const open = texts(root, '[data-pplab="conversation"] > [data-pplab="turn"] > div');
    expect(open).toEqual(["d", "x".repeat(400)]);
  });

  test("is not repeated over cards that are sorted", async () => {
    const { comm, show } = await cards({ wanted: { ...WANTED, sort: "creativity" } });
    const { root } = await show();
    await comm.custom(page(1, [card({ turns: [turn("user", "a"), turn("user", "b")] })]));
    expect(root.querySelector('[data-pplab="conversation"]')).toBeNull();
  });
});

describe("a run under way", () => {
  test("shows cards one by one, grouped by prompt and setting", async () => {
    const { comm, show } = await cards({ state: "running" });
    const { root } = await show();
    await comm.custom(arrived(1));
    await comm.custom(arrived(2, { id: "r-2", setting_index: 1, setting: "temperature 1" }));
    await comm.custom(arrived(3, { id: "r-3", replicate: 1 }));
    expect(texts(root, "section h4")).toEqual(["Why?temperature 0", "Why?temperature 1"]);
    expect([...root.querySelectorAll("section")].map((s) => s.querySelectorAll("article").length)).toEqual([2, 1]);
  });

  test("lets the text of an answer grow in its place", async () => {
    const { comm, show } = await cards({ state: "running" });
    const { root } = await show();
    const writing = { id: "", status: "writing", html: '<div data-pplab="text">Be</div>', scores: {} };
    await comm.custom(arrived(1, writing));
    await comm.custom(arrived(2));
    expect(texts(root, '[data-pplab="text"]')).toEqual(["Because."]);
  });

  test("says how it stands and how to end it", async () => {
    const counts = { planned: 1200, done: 4, failed: 1, in_flight: 3, paused: false, until: null, unread: 0 };
    const { show } = await cards({ state: "running", counts, blocking: true });
    const { root } = await show();
    const words = root.querySelector("[role=status]")?.textContent;
    expect(words).toContain("4 of 1,200 answers, 1 failed, 3 under way, 1,193 waiting");
    expect(words).toContain("interrupt the kernel");
  });
});

describe("many cards", () => {
  test("come in pages", async () => {
    const { comm, show } = await cards();
    const { root } = await show();
    expect(requests(comm)).toEqual([{ kind: "ask", wanted: WANTED }]);
    const hundred = Array.from({ length: 100 }, (_, i) => card({ id: `r-${i}`, replicate: i }));
    await comm.custom(page(1, hundred, 10_000));
    expect(root.querySelector("nav")?.textContent).toContain("1 to 100 of 10,000");
    expect(button(root, "Previous page").disabled).toBe(true);
    button(root, "Next page").click();
    expect(requests(comm).at(-1)).toEqual({ kind: "ask", wanted: { ...WANTED, page: 1 } });
  });

  test("are sorted and filtered in every view of the model alike", async () => {
    const { comm, show } = await cards();
    const [one, other] = [await show(), await show()];
    choose(one.root, "Sort", "creativity");
    choose(one.root, "Status", "ok");
    expect(requests(comm).at(-1)).toEqual({ kind: "ask", wanted: { ...WANTED, sort: "creativity", status: "ok" } });
    expect([...other.root.querySelectorAll("select")].map((s) => s.value)).toEqual(["creativity", "ok", ""]);
  });

  test("that do not match are said to be none", async () => {
    const { comm, show } = await cards();
    const { root } = await show();
    await comm.custom(page(1, []));
    expect(root.textContent).toContain("No answers match.");
  });

  test("are asked for again when a message was missed", async () => {
    const { comm, show } = await cards();
    await show();
    await comm.custom(page(1, [card()]));
    const before = requests(comm).length;
    await comm.custom(arrived(5));
    expect(requests(comm).length).toBe(before + 1);
  });

  test("never answer a change with a save", async () => {
    const { comm, show } = await cards();
    await show();
    await comm.update({ statuses: { ok: 2, failed: 1 }, head: "<p>verdict</p>", counts: null });
    expect(comm.sent.filter((m) => m.method === "update")).toEqual([]);
  });
});

describe("without a notebook", () => {
  test("a card is drawn from data alone, and tells what is asked of it", () => {
    const calls: unknown[] = [];
    const part = new Card({
      onCopy: (text, what) => calls.push(["copy", text, what]),
      onExplain: (id) => calls.push(["explain", id]),
      onRetry: (id) => calls.push(["retry", id]),
    });
    document.body.append(part.element);
    const failed = card({ status: "failed", failed: true, reason: "The model is loading" });
    part.draw(failed, { scales: {}, retryable: false });
    expect(texts(part.element, "button")).toEqual(["Copy"]);
    part.draw(failed, { scales: {}, retryable: true });
    button(part.element, "Copy").click();
    button(part.element, "Retry").click();
    const why = part.element.querySelector("details") as HTMLDetailsElement;
    why.open = true;
    why.dispatchEvent(new Event("toggle"));
    expect(calls).toEqual([
      ["copy", "Because.", "Answer"],
      ["retry", "r-1"],
      ["explain", "r-1"],
    ]);
    part.enableRetry();
    expect(button(part.element, "Retry").disabled).toBe(false);
    part.explain({ words: "", parts: { creativity: { rarity: 0.5 }, own: {} } });
    expect(why.textContent).toContain("creativity: rarity 0.5own: no breakdown");
  });

  test("a value outside a range that is open on one side says which side is not", () => {
    const part = new Card({ onCopy: () => undefined, onExplain: () => undefined, onRetry: () => undefined });
    const scales = {
      words: { low: 0, high: null, higher_is_better: true },
      typos: { low: null, high: 10, higher_is_better: true },
    };
    part.draw(card({ scores: { words: -1, typos: 12 } }), { scales, retryable: true });
    expect(texts(part.element, ".pplab-measure")).toEqual([
      "words-1 (outside its range, at least 0)",
      "typos12 (outside its range, at most 10)",
    ]);
  });

  test("the toolbar tells which cards are wanted, and falls back where a choice is there no more", () => {
    const wants: PageRequest[] = [];
    const toolbar = new Toolbar({ onWant: (wanted) => wants.push(wanted) });
    const { metrics, statuses, settings } = TRAITS;
    const values = () => [...toolbar.element.querySelectorAll("select")].map((select) => select.value);
    toolbar.draw({ wanted: { ...WANTED, sort: "cost", setting: 1 }, metrics, statuses, settings, factors: [] });
    expect(values()).toEqual(["cost", "", "1"]);
    choose(toolbar.element, "Status", "ok");
    expect(wants).toEqual([{ page: 0, sort: "cost", status: "ok", setting: 1, levels: {} }]);
    toolbar.draw({ wanted: { ...WANTED, status: "ok", setting: 1 }, metrics, statuses: {}, settings: [], factors: [] });
    expect(values()).toEqual(["", "", ""]);
  });

  test("the toolbar offers the levels of each factor where there are several", () => {
    const wants: unknown[] = [];
    const toolbar = new Toolbar({ onWant: (wanted) => wants.push(wanted) });
    document.body.append(toolbar.element);
    const factors = [
      { name: "model_asked", title: "model", levels: ["m1", "m2"] },
      { name: "temperature", title: "temperature", levels: ["0", "1", "not set"] },
    ];
    const offer = { metrics: [], statuses: {}, settings: TRAITS.settings };
    toolbar.draw({ ...offer, wanted: WANTED, factors });
    choose(toolbar.element, "model", "1");
    choose(toolbar.element, "temperature", "2");
    expect(wants.at(-1)).toEqual({ ...WANTED, levels: { model_asked: 1, temperature: 2 } });
    toolbar.draw({ ...offer, wanted: { ...WANTED, levels: { model_asked: 0 } }, factors });
    expect([...toolbar.element.querySelectorAll("select")].slice(3).map(({ value }) => value)).toEqual(["0", ""]);
    toolbar.draw({ ...offer, wanted: WANTED, factors: factors.slice(0, 1) });
    expect(toolbar.element.querySelectorAll("select")).toHaveLength(3);
  });
});

describe("a race", () => {
  const standing = {
    lines: ["Not settled: temperature 1 leads.", "6 prompts (few).", "Next: temperature 1 goes on (6 calls)."],
    dropped: [{ setting: 0, words: "temperature 0: 5 of 5 answers loop" }],
  };
  const one = card({ id: "r-2", setting_index: 1, setting: "temperature 1" });
  const folds = (root: Element) =>
    [...root.querySelectorAll<HTMLElement>("details[data-setting]")].filter((e) => !e.hidden);

  test("shows its last look, and folds the answers of a dropped setting with the reason", async () => {
    const { comm, show } = await cards({ state: "running" });
    const { root } = await show();
    await comm.custom(arrived(1));
    await comm.custom({ ...arrived(2), card: one });
    expect(folds(root)).toEqual([]);
    await comm.update({ standing });
    expect(root.querySelector(".pplab-standing")?.textContent).toContain("temperature 1 goes on (6 calls)");
    expect(folds(root).map((fold) => fold.querySelector("summary")?.textContent)).toEqual([standing.dropped[0]?.words]);
    expect(folds(root)[0]?.querySelectorAll('[data-pplab="card"]')).toHaveLength(1);
    await comm.custom(arrived(3, { replicate: 1 }));
    expect(folds(root)[0]?.querySelectorAll('[data-pplab="card"]')).toHaveLength(2);
  });

  test("folds nothing where the user asks for the setting, and nothing is left over from the page before", async () => {
    const { comm, show } = await cards({ standing: { ...standing, lines: [] } });
    const { root } = await show();
    await comm.custom(page(1, [card(), one]));
    expect(folds(root)).toHaveLength(1);
    choose(root, "Setting", "0");
    await comm.custom(page(2, [card()]));
    expect(folds(root)).toEqual([]);
    expect(root.querySelectorAll('[data-pplab="card"]')).toHaveLength(1);
  });
});
