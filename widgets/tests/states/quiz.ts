// What the kernel may say to the view in tests.

import type { Preview, QuizTraits } from "../../shared/generated/quiz.js";

export const PREVIEW: Preview = {
  answered: 0,
  ranges: { temperature: [0.3, 1], max_tokens: [100, 1000] },
  points: { temperature: [0.3, 1] },
  precision: 50,
  personality: 40,
  confidence: 0,
  starts: { temperature: [0.3, 1], max_tokens: [100, 1000] },
  rows: [],
  personas: { light: "Be plain.", medium: "Write in a plain, neutral tone.", strong: "Be plain throughout." },
  reasons: [],
};

export const TRAITS: Omit<QuizTraits, "me"> = {
  questions: [
    {
      id: "task",
      text: "What for?",
      help: "Sets the start.",
      options: [
        { value: "code", label: "Code" },
        { value: "chat", label: "Chat" },
      ],
    },
    {
      id: "surprise",
      text: "How surprising?",
      help: "Moves the end.",
      options: [
        { value: 1, label: "Never" },
        { value: 2, label: "Often" },
      ],
    },
  ],
  axes: [
    { name: "temperature", meaning: "", low: 0, high: 2, logarithmic: false },
    { name: "max_tokens", meaning: "", low: 1, high: 1_000_000, logarithmic: true },
  ],
  preview: PREVIEW,
  answers: {},
  step: 0,
  saved: false,
  cell: "",
  below: "",
  problem: null,
  took: null,
};
