// What the kernel may say to the view in tests.

import type { CalibrationChoice, Draft, StudioTraits } from "../../shared/generated/studio.js";

export const DRAFT: Draft = {
  prompt: "Why?",
  table: "",
  systems: [{ name: "", text: "" }],
  models: "small",
  calibration: "c-1",
  beyond: false,
  values: { temperature: [0.2, 0.8] },
  written: {},
  n: 5,
  stream: false,
  detach: false,
};
export const OFFERED: CalibrationChoice = {
  id: "c-1",
  label: "precision 50, personality 50",
  ranges: { temperature: [0.2, 0.8], max_tokens: [100, 800] },
  points: { temperature: [0.2, 0.8], max_tokens: [800] },
  persona: "You are kind.",
  personas: { light: "Kind.", medium: "You are kind.", strong: "Be very kind." },
  values: { temperature: [0.2, 0.8] },
  kept: { max_tokens: 800 },
};
export const TRAITS: Omit<StudioTraits, "me"> = {
  knobs: [
    { name: "temperature", meaning: "", low: 0, high: 2, logarithmic: false, integer: false },
    { name: "max_tokens", meaning: "", low: 1, high: 1_000_000, logarithmic: true, integer: true },
  ],
  others: [
    { name: "reasoning_effort", meaning: "how much it thinks", choices: ["none", "low", "high"], example: "" },
    { name: "stop", meaning: "ends the answer", choices: [], example: "" },
  ],
  offers: {
    reasoning_effort: { usable: true, words: "", choices: ["low", "high"] },
    stop: { usable: false, words: "small does not take it", choices: [] },
  },
  models: ["small", "large@there"],
  calibrations: [OFFERED],
  embedded: false,
  state: "ready",
  ahead: { possible: true, line: "10 calls to small", more: ["Input: 20 tokens."], columns: [] },
  code: "%%pplab run --n 5\nWhy?",
  cards: "",
  draft: DRAFT,
  problem: null,
  took: null,
};
