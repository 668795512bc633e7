// What the kernel may say to the view in tests.

import type { Board, DashboardTraits, ExperimentSummary } from "../../shared/generated/dashboard.js";

export const SCORE = { value: 0.5, low: 0.4, high: 0.6 };

export function line(id: string, changes: Partial<ExperimentSummary> = {}): ExperimentSummary {
  const fields = { revision: 1, at: "2026-11-23T01:00:00.000000", user: "ada", model: "embedded", status: "completed" };
  return { id, ...fields, planned: 4, responses: 4, ok: 3, failed: 1, prompt: `Prompt ${id}`, name: "", ...changes };
}

export const BOARD: Board = {
  tiles: {
    experiments: 2,
    responses: 1200,
    ok: 1188,
    usable_share: 0.99,
    unusable: "8 truncated, 4 failed",
    cost: null,
    latency: 840,
    latency_p90: 2100,
  },
  settings: [
    {
      label: "temperature 0.7",
      responses: 4,
      ok: 3,
      unusable: "1 failed",
      scores: { creativity: SCORE, coherence: { value: null, low: null, high: null } },
      on_front: true,
      latency: 840,
      output_tokens: 51.2,
      cost: 0.0012,
    },
  ],
  settings_left_out: 3,
  recent: [line("b"), line("a")],
  users: [{ value: "ada", label: "ada" }],
  models: [{ value: "embedded", label: "embedded" }],
  calibrations: [{ value: "c1", label: "c1, precision 60, personality 40" }],
  prompt_sets: [{ value: "prompts:a", label: "2 experiments over “Prompt a”" }],
  factors: [
    { value: "model_asked", label: "model" },
    { value: "temperature", label: "temperature" },
  ],
  factor: "model_asked",
  sources: ["surface", "check"],
  source: "check",
  note: "",
  empty: "",
};

export const TRAITS: Omit<DashboardTraits, "me" | "problem" | "took"> = {
  board: BOARD,
  dropped: [],
  headline: "",
  figure: "",
  height: 700,
  formats: ["csv", "json"],
  exporting: null,
  user: null,
  calibration: null,
  model: null,
  search: "",
  comparison: null,
  factor: null,
  source: null,
  selected: [],
  look: { dark: false, narrow: false, still: false },
};
