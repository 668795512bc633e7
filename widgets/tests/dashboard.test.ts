import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ExportBar } from "../dashboard/export.js";
import { RecentTable } from "../dashboard/recent.js";
import { watchAppearance } from "../shared/appearance.js";
import type { DashboardTraits } from "../shared/generated/dashboard.js";
import { button, notebook } from "./notebook.js";
import { BOARD, line, SCORE, TRAITS } from "./states/dashboard.js";

let resized: (() => void)[] = [];

beforeEach(() => {
  resized = [];
  vi.stubGlobal("matchMedia", () => ({ matches: false, addEventListener: () => undefined }));
  vi.stubGlobal(
    "ResizeObserver",
    class {
      constructor(react: () => void) {
        resized.push(react);
      }
      observe(): void {}
      disconnect(): void {}
    },
  );
});

afterEach(() => {
  document.body.replaceChildren();
  delete document.body.dataset.jpThemeLight;
});

const dashboard = (traits: Partial<DashboardTraits> = {}) => notebook("dashboard", { ...TRAITS, ...traits });
const boxes = (root: Element) => [...root.querySelectorAll<HTMLInputElement>("tbody input")];
const state = (comm: { sent: Record<string, unknown>[] }) => comm.sent.at(-1);

describe("the dashboard", () => {
  test("names itself, how many experiments it shows, and its totals; what is unknown says so", async () => {
    const { root } = await (await dashboard()).show();
    expect(root.dataset.experiments).toBe("2");
    const tiles = [...root.querySelectorAll(".pplab-tile")].map((tile) => tile.textContent);
    expect(tiles).toEqual([
      "Experiments2",
      "Responses1,200",
      "Usable99 %1,188; 8 truncated, 4 failed",
      "Costn/a",
      "Median latency840 ms90 % within 2.1 s",
    ]);
  });

  test("shows the values of its charts as a table", async () => {
    const { root } = await (await dashboard()).show();
    const cells = [...root.querySelectorAll(".pplab-values tbody :is(th, td)")].map((cell) => cell.textContent);
    expect(cells).toEqual([
      "1temperature 0.7",
      "3 of 4",
      "1 failed",
      "0.50 (0.40 to 0.60)",
      "n/a",
      "840 ms",
      "51",
      "$0.0012",
      "yes",
    ]);
    expect(root.querySelector(".pplab-values")?.textContent).toContain("and 3 more settings");
  });

  test("hears its kernel where anywidget gave it up because it took long to load", async () => {
    const timeout = vi.spyOn(AbortSignal, "timeout").mockImplementation(() => {
      const ended = new AbortController();
      queueMicrotask(() => ended.abort());
      return ended.signal;
    });
    const { comm, show } = await dashboard({ headline: "" });
    timeout.mockRestore();
    await expect(comm.update({ headline: "Lost." })).rejects.toThrow("Failed to initialize");
    const { root } = await show();
    await vi.waitUntil(() => comm.sent.some((message) => message.method === "request_state"));
    await comm.update({ headline: "Use temperature 1." });
    expect(root.querySelector(".pplab-headline")?.textContent).toBe("Use temperature 1.");
  });

  test("asks for nothing again where every message was heard", async () => {
    const { comm, show } = await dashboard();
    await show();
    await comm.update({ headline: "Heard." });
    expect(comm.sent.filter((message) => message.method === "request_state")).toEqual([]);
  });

  test("shows what is decided first, and nothing while nothing is", async () => {
    const { comm, show } = await dashboard({ headline: "Use temperature 1." });
    const { root } = await show();
    const headline = root.querySelector<HTMLElement>(".pplab-headline");
    expect(headline?.textContent).toBe("Use temperature 1.");
    await comm.update({ headline: "", dropped: ["temperature 0: 5 of 5 answers loop"] });
    expect(headline?.hidden).toBe(true);
    const fold = root.querySelector<HTMLDetailsElement>(".pplab-fold");
    expect([fold?.hidden, fold?.open, fold?.querySelector("li")?.textContent]).toEqual([
      false,
      false,
      "temperature 0: 5 of 5 answers loop",
    ]);
  });

  test("asks for the figure, shows a skeleton of its height, and never answers a change with a save", async () => {
    const { comm, show } = await dashboard();
    const { root } = await show();
    expect(comm.sent).toEqual([{ method: "custom", content: { kind: "ready" } }]);
    expect(root.querySelector("[role=img]")?.getAttribute("aria-label")).toBe("The charts are loading");
    await comm.update({
      height: 900,
      board: { ...BOARD, recent: [] },
      selected: ["a"],
      factor: "top_p",
      user: "ada",
    });
    expect(root.querySelector<HTMLElement>(".pplab-chart")?.style.height).toBe("900px");
    expect(comm.sent).toHaveLength(1);
  });

  test("says so when there is nothing to show, and hides the rest", async () => {
    const { root } = await (
      await dashboard({ board: { ...BOARD, settings: [], recent: [], empty: "Nothing yet." } })
    ).show();
    expect(root.querySelector(".pplab-empty")?.textContent).toBe("Nothing yet.");
    expect(root.querySelector<HTMLElement>(".pplab-full")?.hidden).toBe(true);
  });

  test("changes a filter's trait when one is chosen, and keeps a choice that is not listed", async () => {
    const { comm, show } = await dashboard({ calibration: "unlisted" });
    const { root } = await show();
    const [user, calibration] = root.querySelectorAll("select");
    expect(calibration?.value).toBe("unlisted");
    (user as HTMLSelectElement).value = "ada";
    user?.dispatchEvent(new Event("change"));
    expect(state(comm)).toMatchObject({ method: "update", state: { user: "ada" } });
  });

  test("offers the factors that vary, the sets of prompts, and each experiment by its name or its prompt", async () => {
    const recent = [line("0123456789ab"), line("a", { name: "Taglines" })];
    const { comm, show } = await dashboard({ board: { ...BOARD, recent } });
    const { root } = await show();
    const [, , , comparison, factor] = root.querySelectorAll("select");
    expect([...(factor?.options ?? [])].map(({ text }) => text)).toEqual(["model", "temperature"]);
    expect(factor?.value).toBe("model_asked");
    expect([...(comparison?.options ?? [])].map(({ text }) => text)).toEqual([
      "The latest prompts",
      "2 experiments over “Prompt a”",
      "01234567: Prompt 0123456789ab",
      "Taglines",
    ]);
    (comparison as HTMLSelectElement).value = "a";
    comparison?.dispatchEvent(new Event("change"));
    expect(state(comm)).toMatchObject({ state: { comparison: "a" } });
    expect(root.querySelector(".pplab-recent")?.textContent).toContain("Taglines");
  });

  test("asks for the scores by another factor", async () => {
    const { comm, show } = await dashboard();
    const { root } = await show();
    const factor = root.querySelectorAll("select")[4] as HTMLSelectElement;
    factor.value = "temperature";
    factor.dispatchEvent(new Event("change"));
    expect(state(comm)).toMatchObject({ state: { factor: "temperature" } });
  });

  test("asks for the scores of another source, and offers it only where there is one", async () => {
    const { comm, show } = await dashboard();
    const { root } = await show();
    const source = root.querySelectorAll("select")[5] as HTMLSelectElement;
    const labelled = source.closest<HTMLElement>(".pplab-labelled");
    expect([source.value, labelled?.hidden]).toEqual(["check", false]);
    expect([...source.options].map(({ text }) => text)).toEqual(["surface", "checks"]);
    source.value = "surface";
    source.dispatchEvent(new Event("change"));
    expect(state(comm)).toMatchObject({ state: { source: "surface" } });
    await comm.update({ board: { ...BOARD, sources: BOARD.sources.slice(0, 1), source: "surface" } });
    expect(labelled?.hidden).toBe(true);
  });

  test("marks a score by its own colour only where it is one of the four: the others' names come from users", async () => {
    const scores = { coherence: SCORE, "judge_x); background: url(//evil.invalid": SCORE };
    const settings = BOARD.settings.map((row) => ({ ...row, scores }));
    const { root } = await (await dashboard({ board: { ...BOARD, settings } })).show();
    const marks = [...root.querySelectorAll<HTMLElement>(".pplab-legend .pplab-mark")];
    expect(marks.map((mark) => mark.getAttribute("style"))).toEqual([
      "background: var(--pplab-coherence)",
      "background: var(--pplab-vermillion)",
    ]);
  });

  test("searches for what is typed, which stays while the board changes", async () => {
    const { comm, show } = await dashboard();
    const { root } = await show();
    const search = root.querySelector("input[type=search]") as HTMLInputElement;
    search.focus();
    search.value = "tagl";
    await comm.update({ board: { ...BOARD, note: "These 2 experiments have 2 different sets of prompts." } });
    expect(search.value).toBe("tagl");
    search.dispatchEvent(new Event("change"));
    expect(state(comm)).toMatchObject({ state: { search: "tagl" } });
    expect(root.querySelector<HTMLElement>(".pplab-note")?.hidden).toBe(false);
    await comm.update({ board: BOARD });
    expect(root.querySelector<HTMLElement>(".pplab-note")?.hidden).toBe(true);
  });
});

describe("the recent experiments", () => {
  test("are ticked in step with the trait, in every view", async () => {
    const { comm, show } = await dashboard();
    const [one, other] = [await show(), await show()];
    boxes(one.root)[1]?.click();
    expect(state(comm)).toMatchObject({ method: "update", state: { selected: ["a"] } });
    expect(boxes(other.root).map((box) => box.checked)).toEqual([false, true]);
    const all = other.root.querySelector<HTMLInputElement>("[aria-label='Select all experiments']");
    expect(all?.indeterminate).toBe(true);
    all?.click();
    expect(boxes(one.root).map((box) => box.checked)).toEqual([true, true]);
  });

  test("keep the focus and the ticks when a new one arrives, which is announced", async () => {
    const { comm, show } = await dashboard({ selected: ["a"] });
    const { root } = await show();
    boxes(root)[1]?.focus();
    await comm.update({
      board: { ...BOARD, recent: [line("c"), ...BOARD.recent], tiles: { ...BOARD.tiles, experiments: 3 } },
    });
    expect((document.activeElement as HTMLElement).dataset.id).toBe("a");
    expect(boxes(root).map((box) => box.checked)).toEqual([false, false, true]);
    expect(root.querySelector("[data-id='c']")?.className).toBe("pplab-fresh");
    expect(root.querySelector("[data-id='b']")?.className).toBe("");
    expect(root.querySelector("[aria-live]")?.textContent).toBe("Now 3 experiments.");
    expect(root.dataset.experiments).toBe("3");
  });

  test("show a prompt as words, whatever it says", async () => {
    const { root } = await (
      await dashboard({ board: { ...BOARD, recent: [line("x", { prompt: "<img src=x>" })] } })
    ).show();
    expect(root.querySelector("img")).toBeNull();
    expect(root.querySelector(".pplab-prompt")?.textContent).toBe("<img src=x>");
  });
});

describe("the export", () => {
  test("waits for a selection, then asks with the chosen format", async () => {
    const { comm, show } = await dashboard();
    const { root } = await show();
    expect(button(root, "Export").disabled).toBe(true);
    boxes(root)[0]?.click();
    button(root, "Export").click();
    expect(state(comm)).toEqual({ method: "custom", content: { kind: "export", ids: ["b"], format: "csv" } });
  });

  test("shows progress, then success with a download for the view that asks", async () => {
    const { comm, show } = await dashboard({ selected: ["a"] });
    const [one, other] = [await show(), await show()];
    await comm.update({ exporting: { state: "working", words: "Writing 1 experiment", name: "" } });
    expect(one.root.querySelector(".pplab-outcome progress")).not.toBeNull();
    expect(button(one.root, "Export").disabled).toBe(true);
    await comm.update({ exporting: { state: "done", words: "4 answers exported.", name: "x.csv" } });
    expect(one.root.querySelector(".pplab-outcome[role=status]")?.textContent).toContain("4 answers exported.");
    const saved: string[] = [];
    vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(function (this: HTMLAnchorElement) {
      saved.push(this.download);
    });
    button(one.root, "Download").click();
    const request = state(comm) as { content: { kind: string; view: string } };
    expect(request.content.kind).toBe("download");
    const part = { kind: "part", view: request.content.view, name: "x.csv", parts: 2, data: btoa("abc") };
    await comm.custom({ ...part, part: 1, seq: 1 });
    expect(saved).toEqual([]);
    await comm.custom({ ...part, part: 2, seq: 2 });
    expect(saved).toEqual(["x.csv"]);
    expect(one.root.querySelector(".pplab-toast")?.textContent).toBe("x.csv downloaded");
    expect(other.root.querySelector(".pplab-toast")).toBeNull();
  });
});

describe("the appearance", () => {
  test("is told when it changes: the theme and the room", async () => {
    const root = document.createElement("div");
    document.body.append(root);
    const width = vi.spyOn(root, "clientWidth", "get").mockReturnValue(1000);
    const changes: unknown[] = [];
    watchAppearance(root, 880, new AbortController().signal, (appearance) => changes.push(appearance));
    for (const react of resized) react();
    document.body.dataset.jpThemeLight = "false";
    await vi.waitUntil(() => changes.length === 2);
    width.mockReturnValue(0); // as while JupyterLab changes its theme
    document.body.dataset.jpThemeLight = "true";
    await vi.waitUntil(() => changes.length === 3);
    width.mockReturnValue(700);
    for (const react of resized) react();
    expect(changes).toEqual([
      { dark: false, narrow: false, still: false },
      { dark: true, narrow: false, still: false },
      { dark: false, narrow: false, still: false },
      { dark: false, narrow: true, still: false },
    ]);
  });
});

describe("without a notebook", () => {
  test("the recent experiments tell what is selected, and keep their rows while only the selection changes", () => {
    const selections: unknown[] = [];
    const table = new RecentTable({ onSelect: (ids) => selections.push(ids) });
    document.body.append(table.element);
    table.draw(BOARD.recent, ["a"]);
    const [first] = boxes(table.element);
    first?.click();
    table.draw(BOARD.recent, ["a", "b"]);
    expect(boxes(table.element)[0]).toBe(first);
    table.element.querySelector<HTMLInputElement>("[aria-label='Select all experiments']")?.click();
    expect(selections).toEqual([["a", "b"], []]);
  });

  test("the export tells its format and the download, which keeps its button while the selection changes", () => {
    const calls: unknown[] = [];
    const bar = new ExportBar({
      formats: TRAITS.formats,
      onExport: (format) => calls.push(format),
      onDownload: () => calls.push("download"),
    });
    const exporting = { state: "done", words: "4 answers exported.", name: "x.csv" } as const;
    bar.draw({ selected: ["a"], exporting });
    const download = button(bar.element, "Download");
    bar.draw({ selected: [], exporting });
    expect(button(bar.element, "Download")).toBe(download);
    expect(button(bar.element, "Export").disabled).toBe(true);
    bar.draw({ selected: ["a", "b"], exporting });
    (bar.element.querySelector("select") as HTMLSelectElement).value = "json";
    button(bar.element, "Export").click();
    download.click();
    expect(calls).toEqual(["json", "download"]);
  });
});
