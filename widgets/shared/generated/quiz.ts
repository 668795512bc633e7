// Generated from pplab.views.widgets.quiz by widgets/generate.py.

export interface Axis {
  readonly name: string;
  readonly meaning: string;
  readonly low: number;
  readonly high: number;
  readonly logarithmic: boolean;
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

export interface QuizQuestion {
  readonly id: string;
  readonly text: string;
  readonly help: string;
  readonly options: readonly QuizOption[];
}

export interface QuizOption {
  readonly value: string | number;
  readonly label: string;
}

export interface Timing {
  readonly operation: string;
  readonly milliseconds: number;
  readonly correlation_id: string;
}

export interface Finish {
  readonly kind: "finish";
  readonly answers: Readonly<Record<string, string | number>>;
}

export interface Proceed {
  readonly kind: "proceed";
}

export interface Retry {
  readonly kind: "retry";
}

export interface Dismiss {
  readonly kind: "dismiss";
}

export interface QuizTraits {
  readonly answers: Readonly<Record<string, string | number>>;
  readonly axes: readonly Axis[];
  readonly below: string;
  readonly cell: string;
  readonly me: string;
  readonly preview: Preview;
  readonly problem: Problem | null;
  readonly questions: readonly QuizQuestion[];
  readonly saved: boolean;
  readonly step: number;
  readonly took: Timing | null;
}

export interface QuizWire {
  readonly name: "quiz";
  readonly traits: QuizTraits;
  readonly toKernel: Finish | Proceed | Retry | Dismiss;
  readonly fromKernel: never;
}
