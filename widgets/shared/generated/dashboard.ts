// Generated from pplab.views.widgets.dashboard by widgets/generate.py.

export interface Board {
  readonly tiles: Tiles;
  readonly settings: readonly SettingRow[];
  readonly settings_left_out: number;
  readonly recent: readonly ExperimentSummary[];
  readonly users: readonly Choice[];
  readonly models: readonly Choice[];
  readonly calibrations: readonly Choice[];
  readonly prompt_sets: readonly Choice[];
  readonly sources: readonly string[];
  readonly source: string;
  readonly factors: readonly Choice[];
  readonly factor: string;
  readonly note: string;
  readonly empty: string;
}

export interface Tiles {
  readonly experiments: number;
  readonly responses: number;
  readonly ok: number;
  readonly usable_share: number | null;
  readonly unusable: string;
  readonly cost: number | null;
  readonly latency: number | null;
  readonly latency_p90: number | null;
}

export interface SettingRow {
  readonly label: string;
  readonly responses: number;
  readonly ok: number;
  readonly unusable: string;
  readonly scores: Readonly<Record<string, Score>>;
  readonly on_front: boolean;
  readonly latency: number | null;
  readonly output_tokens: number | null;
  readonly cost: number | null;
}

export interface Score {
  readonly value: number | null;
  readonly low: number | null;
  readonly high: number | null;
}

export interface ExperimentSummary {
  readonly id: string;
  readonly revision: number;
  readonly at: string;
  readonly user: string;
  readonly model: string;
  readonly status: string;
  readonly planned: number;
  readonly responses: number;
  readonly ok: number;
  readonly failed: number;
  readonly prompt: string;
  readonly name: string;
}

export interface Choice {
  readonly value: string;
  readonly label: string;
}

export interface Exporting {
  readonly state: "working" | "done";
  readonly words: string;
  readonly name: string;
}

export interface PageLook {
  readonly dark: boolean;
  readonly narrow: boolean;
  readonly still: boolean;
}

export interface Problem {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly correlation_id: string | null;
}

export interface Timing {
  readonly operation: string;
  readonly milliseconds: number;
  readonly correlation_id: string;
}

export interface Ready {
  readonly kind: "ready";
}

export interface Draw {
  readonly kind: "draw";
  readonly view: string;
}

export interface Refresh {
  readonly kind: "refresh";
}

export interface Export {
  readonly kind: "export";
  readonly ids: readonly string[];
  readonly format: string;
}

export interface Download {
  readonly kind: "download";
  readonly view: string;
}

export interface Retry {
  readonly kind: "retry";
}

export interface Dismiss {
  readonly kind: "dismiss";
}

export interface Part {
  readonly kind: "part";
  readonly view: string;
  readonly name: string;
  readonly part: number;
  readonly parts: number;
  readonly data: string;
  readonly note: string;
}

export interface DashboardTraits {
  readonly board: Board;
  readonly calibration: string | null;
  readonly comparison: string | null;
  readonly dropped: readonly string[];
  readonly exporting: Exporting | null;
  readonly factor: string | null;
  readonly figure: string;
  readonly formats: readonly string[];
  readonly headline: string;
  readonly height: number;
  readonly look: PageLook;
  readonly me: string;
  readonly model: string | null;
  readonly problem: Problem | null;
  readonly search: string;
  readonly selected: readonly string[];
  readonly source: string | null;
  readonly took: Timing | null;
  readonly user: string | null;
}

export interface DashboardWire {
  readonly name: "dashboard";
  readonly traits: DashboardTraits;
  readonly toKernel: Ready | Draw | Refresh | Export | Download | Retry | Dismiss;
  readonly fromKernel: Part | Draw;
}
