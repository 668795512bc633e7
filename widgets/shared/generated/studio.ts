// Generated from pplab.views.widgets.studio by widgets/generate.py.

export interface DraftEstimate {
  readonly possible: boolean;
  readonly line: string;
  readonly more: readonly string[];
  readonly columns: readonly string[];
}

export interface CalibrationChoice {
  readonly id: string;
  readonly label: string;
  readonly ranges: Readonly<Record<string, readonly [number, number]>>;
  readonly points: Readonly<Record<string, readonly number[]>>;
  readonly persona: string;
  readonly personas: Readonly<Record<string, string>>;
  readonly values: Readonly<Record<string, readonly number[]>>;
  readonly kept: Readonly<Record<string, number>>;
}

export interface Draft {
  readonly prompt: string;
  readonly table: string;
  readonly systems: readonly Persona[];
  readonly models: string;
  readonly calibration: string;
  readonly beyond: boolean;
  readonly values: Readonly<Record<string, readonly number[]>>;
  readonly written: Readonly<Record<string, string>>;
  readonly n: number;
  readonly stream: boolean;
  readonly detach: boolean;
}

export interface Persona {
  readonly name: string;
  readonly text: string;
}

export interface ParameterScale {
  readonly name: string;
  readonly meaning: string;
  readonly low: number;
  readonly high: number;
  readonly logarithmic: boolean;
  readonly integer: boolean;
}

export interface Offer {
  readonly usable: boolean;
  readonly words: string;
  readonly choices: readonly string[];
}

export interface WrittenParameter {
  readonly name: string;
  readonly meaning: string;
  readonly choices: readonly string[];
  readonly example: string;
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

export interface Run {
  readonly kind: "run";
  readonly draft: Draft;
}

export interface Pause {
  readonly kind: "pause";
}

export interface GoOn {
  readonly kind: "go_on";
}

export interface Cancel {
  readonly kind: "cancel";
}

export interface Retry {
  readonly kind: "retry";
}

export interface Dismiss {
  readonly kind: "dismiss";
}

export interface StudioTraits {
  readonly ahead: DraftEstimate;
  readonly calibrations: readonly CalibrationChoice[];
  readonly cards: string;
  readonly code: string;
  readonly draft: Draft;
  readonly embedded: boolean;
  readonly knobs: readonly ParameterScale[];
  readonly me: string;
  readonly models: readonly string[];
  readonly offers: Readonly<Record<string, Offer>>;
  readonly others: readonly WrittenParameter[];
  readonly problem: Problem | null;
  readonly state: "ready" | "starting" | "running" | "paused";
  readonly took: Timing | null;
}

export interface StudioWire {
  readonly name: "studio";
  readonly traits: StudioTraits;
  readonly toKernel: Run | Pause | GoOn | Cancel | Retry | Dismiss;
  readonly fromKernel: never;
}
