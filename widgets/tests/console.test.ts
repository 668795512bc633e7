import { afterEach, describe, expect, test, vi } from "vitest";
import { ChainPanel } from "../console/chain.js";
import { EventsTable } from "../console/events.js";
import { Filters } from "../console/filters.js";
import type { ConsoleTraits, EventLine } from "../shared/generated/console.js";
import { Tabs } from "../shared/tabs.js";
import { timeScale } from "../shared/timeline.js";
import { button, notebook, press } from "./notebook.js";
import { row, TRAITS } from "./states/console.js";

afterEach(() => document.body.replaceChildren());

// jsdom does not lay out, so it has nothing to scroll.
Element.prototype.scrollIntoView = () => undefined;

async function openConsole(traits: Partial<ConsoleTraits> = {}) {
  const opening = await notebook("console", { ...TRAITS, ...traits });
  let seq = 0;
  const emit = (message: Record<string, unknown>) => {
    seq += 1;
    return opening.comm.custom({ ...message, seq });
  };
  const rows = (place: string, ...lines: EventLine[]) => emit({ kind: "rows", place, rows: lines, older: false });
  return { ...opening, emit, rows };
}

const rowNumbers = (root: Element) =>
  [...root.querySelectorAll<HTMLElement>("tr[data-seq]")].map((one) => one.dataset.seq);

describe("the stream", () => {
  test("is asked for once, and shows a word until it comes", async () => {
    const { comm, show } = await openConsole();
    const { root } = await show();
    expect(comm.sent).toEqual([{ method: "custom", content: { kind: "ready" } }]);
    expect(root.textContent).toContain("Loading the events");
  });

  test("puts new events above and older ones below", async () => {
    const { show, rows, emit, comm } = await openConsole();
    const { root } = await show();
    await emit({ kind: "rows", place: "all", rows: [row(5), row(4)], older: true });
    await rows("above", row(7), row(6));
    expect(rowNumbers(root)).toEqual(["7", "6", "5", "4"]);
    button(root, "Show older events").click();
    expect(comm.sent.at(-1)).toEqual({ method: "custom", content: { kind: "more", before: 4 } });
    await rows("below", row(3));
    expect(rowNumbers(root).at(-1)).toBe("3");
    expect(button(root, "Show older events").hidden).toBe(true);
  });

  test("says when nothing matches", async () => {
    const { show, rows } = await openConsole();
    const { root } = await show();
    await rows("all");
    expect(root.textContent).toContain("No event matches these filters.");
  });

  test("asks anew when a message is missing", async () => {
    const { comm, show } = await openConsole();
    await show();
    await comm.custom({ kind: "rows", place: "all", rows: [], older: false, seq: 1 });
    await comm.custom({ kind: "rows", place: "above", rows: [row(9)], older: false, seq: 3 });
    expect(comm.sent.filter((message) => message.method === "custom")).toHaveLength(2);
  });

  test("leads from an event to its chain, from there on to any record, and back", async () => {
    const { comm, show, rows, emit } = await openConsole();
    const { root } = await show();
    await rows("all", row(2));
    button(root, "cell_executed").click();
    expect(comm.sent.at(-1)).toEqual({ method: "custom", content: { kind: "walk", id: "id-2" } });
    const records = [
      { kind: "experiment", id: "e1", label: "completed embedded", at: row(1).at, led: ["response"] },
      { kind: "event", id: "id-2", label: "cell_executed", at: row(1).at, led: [] },
    ];
    await emit({ kind: "walked", anchor: "id-2", records, left_out: 4 });
    const panel = root.querySelector("[aria-label='Chain of cause']") as HTMLElement;
    expect(panel.querySelector("[aria-current=true]")?.textContent).toContain("cell_executed");
    expect(panel.textContent).toContain("led to response");
    expect(panel.textContent).toContain("and 4 more records");
    button(panel, "experiment").click();
    expect(comm.sent.at(-1)).toEqual({ method: "custom", content: { kind: "walk", id: "e1" } });
    button(panel, "Close").click();
    expect(panel.hidden).toBe(true);
    expect(document.activeElement?.textContent).toBe("cell_executed");
  });

  test("is narrowed to a chain of cause from a row", async () => {
    const { comm, show, rows } = await openConsole();
    const { root } = await show();
    await rows("all", row(2));
    button(root, "0af76519").click();
    expect(comm.sent.at(-1)).toMatchObject({ method: "update", state: { correlation: "0af7651916cd43dd" } });
  });
});

describe("the filters", () => {
  test("take a moment by the local clock and keep it in UTC", async () => {
    const { comm, show } = await openConsole();
    const { root } = await show();
    const [from, to] = root.querySelectorAll<HTMLInputElement>("input[type=datetime-local]");
    for (const input of [from, to]) {
      (input as HTMLInputElement).value = "2026-11-23T09:30:00";
      input?.dispatchEvent(new Event("change"));
    }
    const sent = () => comm.sent.filter((message) => message.method === "update").map((message) => message.state);
    await vi.waitUntil(() => sent().length === 2);
    const at = new Date("2026-11-23T09:30:00").toISOString().slice(0, 19);
    expect(sent()).toEqual([{ since: `${at}.000` }, { until: `${at}.999` }]);
    expect(from?.value).toContain("2026-11-23T09:30");
  });

  test("are cleared together", async () => {
    const { comm, show } = await openConsole({ event: "cell_executed", actor: "ada" });
    const { root } = await show();
    button(root, "Clear").click();
    expect(comm.sent.at(-1)).toMatchObject({ state: { event: null, actor: null } });
  });
});

describe("the chain's state", () => {
  test.each([
    [{ head: 1200, verified: null, broken: "" }, "", "1,200 rows, not verified yet"],
    [{ head: 1200, verified: 1100, broken: "" }, "", "Verified up to row 1,100 of 1,200"],
    [{ head: 9, verified: null, broken: "row 3 was altered" }, "", "row 3 was altered"],
    [{ head: 9, verified: null, broken: "" }, "Verifying the chain", "Verifying the chain"],
  ])("%j while busy with '%s' reads %s", async (chain, busy, words) => {
    const { root } = await (await openConsole({ chain, busy })).show();
    expect(root.querySelector("[role=status]")?.textContent).toBe(words);
    expect(button(root, "Verify").disabled).toBe(busy !== "");
  });
});

describe("the time line", () => {
  test("keeps the order, stays inside, and gives every idle time the same length", () => {
    const place = timeScale([
      { start: 0, took: 10 },
      { start: 2, took: 4 },
      { start: 5_000, took: 10 },
      { start: 90_000, took: 20 },
    ]);
    const at = [0, 2, 6, 10, 5_000, 5_010, 90_000, 90_020].map(place);
    expect(at).toEqual([...at].sort((a, b) => a - b));
    expect([at[0], at.at(-1)]).toEqual([0, 1]);
    expect((at[4] as number) - (at[3] as number)).toBeCloseTo((at[6] as number) - (at[5] as number));
  });

  test("shows the newest first, with words beside each bar", async () => {
    const bar = { kind: "operation", status: "ok", at: row(1).at };
    const bars = [
      { ...bar, name: "run", start: 0, took: 1500 },
      { ...bar, name: "audit", start: 2000, took: 20 },
    ];
    const { root } = await (await openConsole({ bars })).show();
    const lines = [...root.querySelectorAll(".pplab-timeline tbody tr")].map((line) => line.textContent);
    expect(lines[0]).toContain("auditok20 ms");
    expect(lines[1]).toContain("runok1.5 s");
  });
});

test("tabs are chosen with the arrow keys and wrap around", () => {
  const panel = (name: string) => ({ name, element: document.createElement("p") });
  const tabs = new Tabs("Views", [panel("One"), panel("Two")]);
  document.body.append(tabs.list, ...tabs.panels);
  button(tabs.list, "One").focus();
  press(document.activeElement as Element, "ArrowLeft");
  expect(document.activeElement?.textContent).toBe("Two");
  expect(tabs.panels.map((one) => one.hidden)).toEqual([true, false]);
});

test("a file is saved by the view that asked for it only", async () => {
  const { comm, show, emit } = await openConsole();
  const { root } = await show();
  const saved = vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(() => undefined);
  button(root, "Export").click();
  const { view } = (comm.sent.at(-1) as { content: { view: string } }).content;
  const part = { kind: "part", name: "a.csv", part: 1, parts: 1, data: btoa("x") };
  await emit({ ...part, view: "another" });
  expect(saved).not.toHaveBeenCalled();
  await emit({ ...part, view, note: "2 cells were changed." });
  expect(saved).toHaveBeenCalledOnce();
  expect(root.textContent).toContain("a.csv downloaded. 2 cells were changed.");
});

describe("without a notebook", () => {
  const none = { event: null, actor: null, correlation: null, since: null, until: null };

  test("the filters tell what changes, and leave a field alone while something else changes", () => {
    const changes: unknown[] = [];
    const filters = new Filters({ onChange: (values) => changes.push(values) });
    filters.draw({ ...none, choices: TRAITS.choices });
    const [event, actor] = filters.element.querySelectorAll("select");
    const correlation = filters.element.querySelector<HTMLInputElement>("input[type=text]") as HTMLInputElement;
    correlation.value = "0af7";
    filters.draw({ ...none, event: "unlisted", choices: { events: ["cell_executed", "run"], actors: ["ada"] } });
    expect([event?.value, actor?.value, correlation.value]).toEqual(["unlisted", "", "0af7"]);
    correlation.dispatchEvent(new Event("change"));
    (actor as HTMLSelectElement).value = "ada";
    actor?.dispatchEvent(new Event("change"));
    button(filters.element, "Clear").click();
    expect(changes).toEqual([{ correlation: "0af7" }, { actor: "ada" }, none]);
  });

  test("the events and a chain are drawn from data alone, and tell what is opened", () => {
    const calls: unknown[] = [];
    const events = new EventsTable({
      onOpen: (line) => calls.push(["open", line.id]),
      onCorrelation: (id) => calls.push(["correlation", id]),
      onOlder: (before) => calls.push(["older", before]),
    });
    events.draw({ place: "all", rows: [row(2), row(1)], older: true });
    button(events.element, "cell_executed").click();
    button(events.element, "0af76519").click();
    button(events.element, "Show older events").click();
    const chain = new ChainPanel({ onOpen: (id) => calls.push(["step", id]), onClose: () => calls.push("close") });
    chain.drawLoading("cell_executed");
    expect(chain.element.textContent).toBe("Loading the chain of cause of cell_executed…");
    const record = { kind: "experiment", id: "e1", label: "completed", at: row(1).at, led: [] };
    chain.draw({ anchor: "e1", records: [record], left_out: 0 });
    button(chain.element, "experiment").click();
    button(chain.element, "Close").click();
    const [open, narrow, older, step, close] = calls;
    expect([open, narrow, older]).toEqual([
      ["open", "id-2"],
      ["correlation", "0af7651916cd43dd"],
      ["older", 1],
    ]);
    expect([step, close]).toEqual([["step", "e1"], "close"]);
  });
});
