// The pages of a package and of a preview: what they say, and what can be done.

import { nullTranslator } from "@jupyterlab/translation";
import { expect, test, vi } from "vitest";
import type { PackageDescription, Preview } from "../extension/file_api.js";
import { drawPackage, drawRefusal, type PackageActions, replayCell } from "../extension/package_view.js";
import { drawPreview } from "../extension/preview_view.js";

const trans = nullTranslator.load("pplab");

const found = (part: Partial<PackageDescription> = {}): PackageDescription => ({
  path: "work/ada.zip",
  verified: true,
  problems: [],
  facts: {
    size: 20480,
    files: 21,
    rows: 40,
    audit_rows: 30,
    rewritten: false,
    users: ["ada"],
    lab: "abcd",
    at: "2026-11-23T14:05:00",
    sha256: "ff",
  },
  experiments: [
    {
      id: "e-1",
      name: "",
      created_at: "2026-11-23T14:05:00Z",
      status: "completed",
      prompt: "<b>List six ideas.</b>",
      prompts: 3,
      models: ["qwen3:8b"],
      planned: 12,
      answers: 11,
    },
  ],
  ...part,
});

function actions(part: Partial<PackageActions> = {}): PackageActions {
  const importInto = async () => ({ words: "1 experiment imported.", experiments: ["e-1"], new: 1 });
  return { labs: [["work/.pplab", "work"]], importInto, open: vi.fn(), replay: vi.fn(), download: vi.fn(), ...part };
}

function named(root: HTMLElement, label: string): HTMLButtonElement {
  const button = [...root.querySelectorAll("button")].find(({ textContent }) => textContent === label);
  if (!button) throw new Error(`there is no button ${label}`);
  return button;
}

test("a package says that it is as it was exported, and what it holds, as text", () => {
  const root = document.createElement("div");
  drawPackage(root, trans, found(), actions());
  expect(root.dataset).toMatchObject({ pplab: "package", verified: "true" });
  expect(root.textContent).toContain("<b>List six ideas.</b> and 2 prompts more");
  expect(root.textContent).toContain("11 of 12");
});

test("it is imported into the lab that was chosen, and its results open", async () => {
  const root = document.createElement("div");
  const open = vi.fn();
  drawPackage(root, trans, found(), actions({ open }));
  named(root, "Import").click();
  await vi.waitFor(() => expect(root.textContent).toContain("1 experiment imported."));
  named(root, "Open results").click();
  expect(open).toHaveBeenCalledWith("work/.pplab", "e-1");
});

test("why an import was refused is said, and it can be tried again", async () => {
  const root = document.createElement("div");
  const refused = async () =>
    Promise.reject(Object.assign(new Error("the lab is read-only"), { hint: "choose another" }));
  drawPackage(root, trans, found(), actions({ importInto: refused }));
  named(root, "Import").click();
  await vi.waitFor(() => expect(root.textContent).toContain("the lab is read-only. choose another"));
  expect(named(root, "Import").disabled).toBe(false);
});

test("an altered package says what was altered, at most twenty lines, and is not imported", () => {
  const root = document.createElement("div");
  const problems = Array.from({ length: 23 }, (_, n) => `row ${n} was altered`);
  const facts = { ...found().facts, rewritten: true };
  drawPackage(root, trans, found({ verified: false, problems, facts }), actions());
  expect(root.dataset.verified).toBe("false");
  expect(root.querySelectorAll("li")).toHaveLength(21);
  expect(root.textContent).toContain("and 3 more");
  expect(root.textContent).not.toContain("unaltered");
  expect(named(root, "Import").disabled).toBe(true);
});

test("another file is a line and the way to get it", () => {
  const root = document.createElement("div");
  const download = vi.fn();
  drawPackage(root, trans, found(), actions());
  drawRefusal(root, trans, "It is not a package of pplab", download);
  expect(root.dataset.pplab).toBeUndefined();
  named(root, "Download").click();
  expect(download).toHaveBeenCalled();
});

test("a cell replays the package beside its notebook, whatever its name", () => {
  expect(replayCell("ada 1.zip")).toBe("%load_ext pplab\n%pplab replay 'ada 1.zip'");
  expect(replayCell("ada's.zip")).toContain('replay "ada\'s.zip"');
});

test("a preview says how much of the file it shows", () => {
  const root = document.createElement("div");
  const said = (part: Partial<Preview>) => {
    const preview: Preview = {
      kind: "parquet",
      columns: ["a"],
      rows: [[1], [null]],
      total: 2,
      hidden: 0,
      note: "",
      ...part,
    };
    drawPreview(root, trans, "a.parquet", preview);
    return root.querySelector("p")?.textContent;
  };
  expect(said({})).toBe("A parquet table · 2 rows");
  expect(said({ total: 500, hidden: 3 })).toBe("A parquet table · 2 of 500 rows · 3 columns are not shown");
  expect(said({ kind: "recording", total: null })).toBe("A recording of calls and their answers · the first 2 rows");
  expect([...root.querySelectorAll("td")].map((cell) => cell.textContent)).toEqual(["1", ""]);
});
