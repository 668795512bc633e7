// What the kernel may say to the view in tests.

import type { RatingFormTraits, ShownItem, Standing } from "../../shared/generated/rate.js";

export const SCALE = ["bad", "poor", "fair", "good", "excellent"].map((word, index) => {
  const grade = String(index + 1);
  return { value: grade, key: grade, sign: "", label: `${grade} ${word}` };
});
export const PAIRS = [
  { value: "left", key: "ArrowLeft", sign: "←", label: "Left is better" },
  { value: "equal", key: "=", sign: "=", label: "Equal" },
  { value: "both_bad", key: "x", sign: "x", label: "Both bad" },
  { value: "right", key: "ArrowRight", sign: "→", label: "Right is better" },
];
export const text = (words: string) => `<div data-pplab="text"><p>${words}</p></div>`;
export const item = (number: number, answers = 1): ShownItem => ({
  number,
  prompt: `Prompt ${number}`,
  answers: Array.from({ length: answers }, (_, index) => text(`Answer ${number}.${index}`)),
});
export const standing = (number: number, rest: Partial<Standing> = {}): Standing => ({
  done: number - 1,
  item: item(number),
  last: number > 1 ? "4" : "",
  outcome: "",
  ...rest,
});
export const TRAITS: Omit<RatingFormTraits, "me"> = {
  question: "How good is this answer?",
  stopping: "Stop when you like.",
  choices: SCALE,
  total: 40,
  standing: standing(1),
  problem: null,
  took: null,
};
export const PROBLEM = { code: "store", message: "the disk is full", hint: "make room", correlation_id: null };
