import { nullTranslator } from "@jupyterlab/translation";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

const shown = vi.hoisted(() => ({ emit: vi.fn(), dismiss: vi.fn() }));
vi.mock("@jupyterlab/apputils", () => ({ Notification: shown }));
vi.mock("@jupyterlab/filebrowser", () => ({ IDefaultFileBrowser: {} }));
vi.mock("@jupyterlab/settingregistry", () => ({ ISettingRegistry: {} }));
vi.mock("@jupyterlab/notebook", () => ({ INotebookTracker: {}, NotebookActions: {} }));
const { endedWords, outcomeOf, RunNotifications } = await import("../extension/notifications.js");
const { resumeCell } = await import("../extension/resume.js");

const trans = nullTranslator.load("pplab");
const LONG_AGO = 60_000;

const ended = (part: object = {}, seen = LONG_AGO) => ({
  lab: "work/.pplab",
  seen,
  run: {
    id: "e-1",
    status: "completed",
    reason: "",
    prompt: "List six ideas.",
    done: 600,
    planned: 600,
    cost: 2.1,
    ...part,
  },
});

let ids = 0;
beforeEach(() => {
  shown.emit.mockImplementation(() => {
    ids += 1;
    return `notification-${ids}`;
  });
});
afterEach(() => {
  vi.clearAllMocks();
});

function notify() {
  const execute = vi.fn();
  const made = new RunNotifications(trans, execute);
  return { made, execute };
}

describe("what is said of a run that ended", () => {
  test.each([
    [{}, "Run finished: “List six ideas.”, 600 of 600, $2.10"],
    [
      { status: "paused", reason: "the next call could exceed max_cost=$0.50", done: 120, cost: 0.42 },
      "Run paused: “List six ideas.”, 120 of 600, $0.42; the next call could exceed max_cost=$0.50",
    ],
    [{ status: "failed", reason: "access denied" }, "Run failed: “List six ideas.”; access denied"],
    [
      { status: "partial", done: 590, reason: "10 failed" },
      "Run incomplete: “List six ideas.”, 590 of 600, $2.10; 10 failed",
    ],
  ])("%o", (part, words) => {
    const one = ended(part);
    expect(endedWords(trans, one, outcomeOf(one.run.status) ?? "failed")).toBe(words);
  });

  test("is never longer than JupyterLab shows, and never cut within a character", () => {
    for (const status of ["completed", "partial", "paused", "failed"]) {
      const one = ended({ status, prompt: "🙂".repeat(500), reason: `long 🙂 ${"reason 🙂 ".repeat(100)}` });
      const words = endedWords(trans, one, outcomeOf(status) ?? "failed");
      expect(words.length).toBeLessThanOrEqual(140);
      expect(new TextDecoder().decode(new TextEncoder().encode(words))).toBe(words); // no half of a pair
    }
  });
});

describe("a notification", () => {
  const labels = () => shown.emit.mock.calls.at(-1)?.[2].actions.map(({ label }: { label: string }) => label);

  test.each([
    ["completed", "success", ["Open results"]],
    ["paused", "warning", ["Resume", "Open results"]],
    ["partial", "warning", ["Retry", "Open results"]],
    ["failed", "error", ["Retry", "Open results"]],
  ])("of a run that is %s is a %s and offers %o", (status, type, actions) => {
    notify().made.show(ended({ status }));
    expect(shown.emit.mock.calls[0]?.[1]).toBe(type);
    expect(labels()).toEqual(actions);
  });

  test("leads to the command with the lab and the experiment", () => {
    const { made, execute } = notify();
    made.show(ended({ status: "paused" }));
    for (const { callback } of shown.emit.mock.calls[0]?.[2].actions ?? []) callback();
    const args = { lab: "work/.pplab", id: "e-1" };
    expect(execute.mock.calls).toEqual([
      ["pplab:resume-experiment", args],
      ["pplab:open-experiment", args],
    ]);
  });

  test("of a run that somebody ended themselves is none", () => {
    notify().made.show(ended({ status: "interrupted", reason: "cancelled by the user" }));
    expect(shown.emit).not.toHaveBeenCalled();
  });

  test("is one a run: a later one takes the place of the earlier", () => {
    const { made } = notify();
    made.show(ended({ status: "paused" }));
    const first = shown.emit.mock.results[0]?.value;
    made.show(ended());
    expect(shown.dismiss.mock.calls).toEqual([[first]]);
    made.show(ended({ id: "another" }));
    expect(shown.dismiss).toHaveBeenCalledTimes(1);
  });

  test("stays until it is read where something has to be done, and pops up for no run that somebody was watching", () => {
    const { made } = notify();
    made.show(ended({ status: "paused" }, 0));
    made.show(ended({ status: "completed" }, LONG_AGO));
    made.show(ended({ status: "completed" }, 3000));
    expect(shown.emit.mock.calls.map(([, , options]) => options.autoClose)).toEqual([false, 10_000, 0]);
  });
});

describe("the cell that resumes a run", () => {
  const labs = ["work/.pplab", "work/inner/.pplab", "work/store", ".pplab"];
  const cell = (lab: string, folder: string) => resumeCell({ option: "--resume", id: "e-1", lab, labs }, folder);

  test("loads pplab first", () => {
    expect(cell("work/.pplab", "work")).toBe("%load_ext pplab\n%pplab run --resume e-1");
  });

  test.each([
    ["work/.pplab", "work/notes/week 1", ""],
    [".pplab", "elsewhere", ""],
    ["work/.pplab", "work/inner", " --store ../.pplab"],
    [".pplab", "work", " --store ../.pplab"],
    ["work/.pplab", "", " --store work/.pplab"],
    ["work/store", "work", " --store store"],
    ["work/store", "work/notes", " --store ../store"],
    ["work/store", "work/store", " --store ."],
    ["work/Ada's store", "work", " --store 'Ada'\\''s store'"],
  ])("of the lab %s in a notebook in %j says%s", (lab, folder, said) => {
    expect(cell(lab, folder)).toBe(`%load_ext pplab\n%pplab run --resume e-1${said}`);
  });

  test("does not take a lab for known that is not below the folder", () => {
    expect(resumeCell({ option: "--retry-failed", id: "e-1", lab: "a/.pplab", labs: [] }, "b")).toBe(
      "%load_ext pplab\n%pplab run --retry-failed e-1 --store ../a/.pplab",
    );
  });
});
