import { nullTranslator } from "@jupyterlab/translation";
import { describe, expect, test } from "vitest";
import { freeName } from "../extension/new_notebook.js";
import {
  bytes,
  dayOrTime,
  dollars,
  modelWords,
  moment,
  progressOfAll,
  shortened,
  statusWord,
} from "../extension/words.js";
import { run } from "./lab_server.js";

const trans = nullTranslator.load("pplab");

describe("amounts", () => {
  test.each([
    [null, ""],
    [0, "$0"],
    [0.0004, "under $0.01"],
    [0.42, "$0.42"],
    [12.5, "$12.50"],
    [1204.6, "$1,205"],
  ])("%s dollars are '%s'", (value, words) => expect(dollars(trans, value)).toBe(words));

  test.each([
    [1, "1 KB"],
    [123_456, "124 KB"],
    [3_400_000, "3.4 MB"],
  ])("%s bytes are '%s'", (size, words) => expect(bytes(size)).toBe(words));
});

describe("progress", () => {
  test("of one run is counted, with its cost where there is one", () => {
    expect(progressOfAll(trans, [run()])).toBe("120 of 600, $0.42");
    expect(progressOfAll(trans, [run({ cost: null })])).toBe("120 of 600");
    expect(progressOfAll(trans, [run({ done: 1200, planned: 6000, cost: 0 })])).toBe("1,200 of 6,000");
  });

  test("of several runs is counted together", () => {
    const runs = [run(), run({ done: 200, planned: 300, cost: 0.68 }), run({ done: 0, planned: 1, cost: null })];
    expect(progressOfAll(trans, runs)).toBe("3 runs: 320 of 901, $1.10");
  });
});

describe("moments", () => {
  const at = new Date(2026, 10, 3, 14, 5);

  test("are the same with and without the mark of UTC, and with another zone's", () => {
    const iso = at.toISOString();
    expect(moment(iso)).toBe("3 Nov, 14:05");
    expect(moment(iso.replace("Z", ""))).toBe("3 Nov, 14:05");
    expect(moment(iso.replace("Z", "+00:00"))).toBe("3 Nov, 14:05");
  });

  test("of today are a time, others a day where there is little room", () => {
    const today = new Date();
    today.setHours(9, 5);
    expect([dayOrTime(today.toISOString()), dayOrTime(at.toISOString())]).toEqual(["09:05", "3 Nov"]);
  });

  test("that are none are nothing", () => expect(moment("soon")).toBe(""));
});

describe("texts", () => {
  test("are cut by character, on one line", () => {
    expect(shortened("one\n two\tthree", 20)).toBe("one two three");
    expect(shortened("one two three", 8)).toBe("one two…");
    expect(shortened("🙂🙂🙂🙂", 6)).toBe("🙂🙂…");
  });

  test("name the endpoint beside the model where it says more", () => {
    expect(modelWords(trans, "qwen3:8b", "local")).toBe("qwen3:8b at local");
    expect(modelWords(trans, "embedded", "embedded")).toBe("embedded");
    expect(modelWords(trans, "gpt-6-luna", "")).toBe("gpt-6-luna");
  });

  test("of a status that is not known are the status", () => {
    expect([statusWord(trans, "partial"), statusWord(trans, "novel")]).toEqual(["incomplete", "novel"]);
  });
});

test("a new notebook takes the first name that is free, whatever the case", () => {
  expect(freeName(new Set(), "experiment")).toBe("experiment.ipynb");
  expect(freeName(new Set(["experiment.ipynb", "experiment 2.ipynb"]), "experiment")).toBe("experiment 3.ipynb");
});
