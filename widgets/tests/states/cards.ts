// What the kernel may say to the view in tests.

import type { CardData, CardsTraits } from "../../shared/generated/cards.js";

export const WANTED = { page: 0, sort: "", status: "", setting: -1, levels: {} };
export const TRAITS: Omit<CardsTraits, "me"> = {
  state: "done",
  blocking: false,
  head: "",
  code: "",
  settings: ["temperature 0", "temperature 1"],
  factors: [{ name: "temperature", title: "temperature", levels: ["0", "1"] }],
  metrics: ["creativity", "coherence"],
  scales: {},
  statuses: { ok: 3 },
  counts: null,
  standing: null,
  wanted: WANTED,
  problem: null,
  took: null,
};

export const card = (part: Partial<CardData> = {}): CardData => ({
  id: "r-1",
  prompt_index: 0,
  prompt: "Why?",
  turns: [],
  turns_before: 0,
  setting_index: 0,
  setting: "temperature 0",
  replicate: 0,
  status: "ok",
  failed: false,
  reason: "",
  badges: [],
  html: '<div data-pplab="text"><p>Because.</p></div>',
  plain: "Because.",
  scores: { creativity: 0.25, coherence: null },
  unjudged: "coherence is not judged in German",
  finish_reason: "stop",
  input_tokens: 3,
  output_tokens: 1200,
  cost: 0.0012,
  latency_ms: 2500,
  ...part,
});
