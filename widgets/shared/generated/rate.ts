// Generated from pplab.views.widgets.rate by widgets/generate.py.

export interface Choice {
  readonly value: string;
  readonly key: string;
  readonly sign: string;
  readonly label: string;
}

export interface Problem {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly correlation_id: string | null;
}

export interface Standing {
  readonly done: number;
  readonly item: ShownItem | null;
  readonly last: string;
  readonly outcome: string;
}

export interface ShownItem {
  readonly number: number;
  readonly prompt: string;
  readonly answers: readonly string[];
}

export interface Timing {
  readonly operation: string;
  readonly milliseconds: number;
  readonly correlation_id: string;
}

export interface Rate {
  readonly kind: "rate";
  readonly number: number;
  readonly choice: string;
  readonly note: string;
}

export interface Undo {
  readonly kind: "undo";
  readonly number: number;
}

export interface Retry {
  readonly kind: "retry";
}

export interface Dismiss {
  readonly kind: "dismiss";
}

export interface RatingFormTraits {
  readonly choices: readonly Choice[];
  readonly me: string;
  readonly problem: Problem | null;
  readonly question: string;
  readonly standing: Standing;
  readonly stopping: string;
  readonly took: Timing | null;
  readonly total: number;
}

export interface RatingFormWire {
  readonly name: "rate";
  readonly traits: RatingFormTraits;
  readonly toKernel: Rate | Undo | Retry | Dismiss;
  readonly fromKernel: never;
}
