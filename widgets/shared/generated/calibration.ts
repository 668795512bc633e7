// Generated from pplab.views.widgets.calibration by widgets/generate.py.

export interface Axis {
  readonly name: string;
  readonly meaning: string;
  readonly low: number;
  readonly high: number;
  readonly logarithmic: boolean;
}

export interface Made {
  readonly id: string;
  readonly user: string;
  readonly at: string;
}

export interface Preview {
  readonly answered: number;
  readonly starts: Readonly<Record<string, readonly [number, number]>>;
  readonly rows: readonly AnswerAdded[];
  readonly ranges: Readonly<Record<string, readonly [number, number]>>;
  readonly points: Readonly<Record<string, readonly number[]>>;
  readonly precision: number;
  readonly personality: number;
  readonly confidence: number;
  readonly personas: Readonly<Record<string, string>>;
  readonly reasons: readonly Reason[];
}

export interface AnswerAdded {
  readonly question: string;
  readonly text: string;
  readonly answer: string;
  readonly ends: Readonly<Record<string, readonly [number, number]>>;
  readonly scores: Readonly<Record<string, number>>;
}

export interface Reason {
  readonly parameter: string;
  readonly question: string;
  readonly answer: string;
  readonly sentence: string;
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

export interface Retry {
  readonly kind: "retry";
}

export interface Dismiss {
  readonly kind: "dismiss";
}

export interface StoredCalibrationTraits {
  readonly axes: readonly Axis[];
  readonly made: Made;
  readonly me: string;
  readonly preview: Preview;
  readonly problem: Problem | null;
  readonly took: Timing | null;
}

export interface StoredCalibrationWire {
  readonly name: "calibration";
  readonly traits: StoredCalibrationTraits;
  readonly toKernel: Retry | Dismiss;
  readonly fromKernel: never;
}
