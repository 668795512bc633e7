import { afterEach, expect, test } from "vitest";
import type { StoredCalibrationTraits } from "../shared/generated/calibration.js";
import { notebook } from "./notebook.js";
import { PREVIEW, TRAITS } from "./states/calibration.js";

const calibration = (traits: Partial<StoredCalibrationTraits> = {}) =>
  notebook("calibration", { ...TRAITS, ...traits });

afterEach(() => document.body.replaceChildren());

test("says whose it is, its scores and ranges, what each answer added, and the persona", async () => {
  const { root } = await (await calibration()).show();
  expect(root.querySelector("section p")?.textContent).toMatch(/^by <b>eve<\/b>, .*2 Nov.*, 0192-c$/);
  expect([...root.querySelectorAll(".pplab-range-words")].map((words) => words.textContent)).toEqual([
    "55",
    "50",
    "0 to 0.3",
  ]);
  expect(root.querySelector(".pplab-answers tbody")?.textContent).toContain("task: Code");
  expect(root.querySelector(".pplab-persona")?.textContent).toBe("Write in a plain tone.");
  expect(root.textContent).toContain("Confidence 9 %: the answers pull in different directions");
});

test("has nothing that changes it", async () => {
  const { root } = await (await calibration()).show();
  expect(root.querySelectorAll("button, input, select, textarea")).toHaveLength(0);
});

test("says nothing of answers where it was made of ratings alone", async () => {
  const { root } = await (await calibration({ preview: { ...PREVIEW, answered: 0, confidence: 0 } })).show();
  expect(root.textContent).not.toContain("Confidence");
});
