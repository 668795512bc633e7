// What the kernel may say to the view in tests.

import type { Preview, StoredCalibrationTraits } from "../../shared/generated/calibration.js";

export const PREVIEW: Preview = {
  answered: 1,
  starts: { temperature: [0.3, 1] },
  rows: [
    {
      question: "task",
      text: "What for?",
      answer: "Code",
      ends: { temperature: [-0.3, -0.7] },
      scores: { precision: 5 },
    },
  ],
  ranges: { temperature: [0, 0.3] },
  points: { temperature: [0, 0.3] },
  precision: 55,
  personality: 50,
  confidence: 0.09,
  personas: { light: "Be plain.", medium: "Write in a plain tone.", strong: "Be plain throughout." },
  reasons: [],
};

export const TRAITS: Omit<StoredCalibrationTraits, "me"> = {
  axes: [{ name: "temperature", meaning: "how freely words are chosen", low: 0, high: 2, logarithmic: false }],
  preview: PREVIEW,
  made: { id: "0192-c", user: "<b>eve</b>", at: "2026-11-02T14:05:00" },
  problem: null,
  took: null,
};
