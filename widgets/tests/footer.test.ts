// The line below a cell and the page of a file: what they say, and which lab of a notebook is asked.

import { nullTranslator } from "@jupyterlab/translation";
import { describe, expect, test, vi } from "vitest";
import type { Cell } from "../extension/api.js";
import { CellFooter, footerWords } from "../extension/cell_footer.js";
import { lab } from "./lab_server.js";

vi.mock("@jupyterlab/filebrowser", () => ({ IDefaultFileBrowser: {} }));
const { candidates, isShownRun } = await import("../extension/notebook_footers.js");

const trans = nullTranslator.load("pplab");

const run = (part: Partial<Cell> = {}): Cell => ({
  cell_id: "c",
  execution_count: 3,
  started_at: "2026-11-23T14:05:00Z",
  duration_ms: 1400,
  calls: 0,
  tokens: 0,
  cost: null,
  correlation_id: "t-1",
  status: "ok",
  ...part,
});

describe("the line below a cell", () => {
  test("says the time, and calls, tokens and cost where there are any", () => {
    expect(footerWords(trans, run())).toEqual(["1.4 s"]);
    const paid = run({ calls: 12, tokens: 3400, cost: 0.42 });
    expect(footerWords(trans, paid)).toEqual(["1.4 s", "12 calls", "3,400 tokens", "$0.42"]);
    expect(footerWords(trans, run({ calls: 1 }))).toEqual(["1.4 s", "1 call"]);
  });

  test("says how a cell ended that did not end well", () => {
    expect(footerWords(trans, run({ status: "error" }))).toEqual(["failed after 1.4 s"]);
    expect(footerWords(trans, run({ status: "interrupted" }))).toEqual(["interrupted after 1.4 s"]);
  });

  test("keeps its place without words, and opens the trace of its cell", () => {
    const open = vi.fn();
    const footer = new CellFooter(trans, open);
    footer.say(run({ calls: 2 }));
    expect(footer.node.dataset.pplab).toBe("cell-footer");
    footer.node.querySelector("button")?.click();
    expect(open).toHaveBeenCalledWith("t-1");
    footer.wait();
    expect(footer.node.textContent).toBe("");
    footer.say(run());
    expect(footer.node.textContent).toContain("1.4 s");
  });

  test("has no link where nothing opens traces", () => {
    const footer = new CellFooter(trans, null);
    footer.say(run());
    expect(footer.node.querySelector("button")).toBeNull();
  });

  test("is of the run that the cell shows", () => {
    expect(isShownRun(run(), 3)).toBe(true);
    expect(isShownRun(run(), null)).toBe(true);
    expect(isShownRun(run(), 4)).toBe(false);
  });
});

describe("the labs that are asked about a notebook", () => {
  const labs = ["a/.pplab", "a/b/.pplab", ".pplab", "other"].map((path) => lab({ lab: path }));

  test("are those around it, the nearest first", () => {
    expect(candidates(labs, "a/b/c/n.ipynb", false)).toEqual(["a/b/.pplab", "a/.pplab", ".pplab"]);
  });

  test("are the others too where it names pplab, and never one that cannot be read", () => {
    const old = lab({ lab: "a/old/.pplab", readable: false });
    expect(candidates([...labs, old], "a/n.ipynb", true)).toEqual(["a/.pplab", ".pplab", "a/b/.pplab", "other"]);
  });
});
