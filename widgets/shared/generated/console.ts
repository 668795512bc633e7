// Generated from pplab.views.widgets.console by widgets/generate.py.

export interface Bar {
  readonly kind: string;
  readonly name: string;
  readonly status: string;
  readonly at: string;
  readonly start: number;
  readonly took: number;
}

export interface Chain {
  readonly head: number;
  readonly verified: number | null;
  readonly broken: string;
}

export interface Choices {
  readonly events: readonly string[];
  readonly actors: readonly string[];
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

export interface More {
  readonly kind: "more";
  readonly before: number;
}

export interface Walk {
  readonly kind: "walk";
  readonly id: string;
}

export interface Verify {
  readonly kind: "verify";
}

export interface Export {
  readonly kind: "export";
  readonly format: "csv" | "jsonl";
  readonly view: string;
}

export interface Retry {
  readonly kind: "retry";
}

export interface Dismiss {
  readonly kind: "dismiss";
}

export interface Rows {
  readonly kind: "rows";
  readonly place: "all" | "above" | "below";
  readonly rows: readonly EventLine[];
  readonly older: boolean;
}

export interface EventLine {
  readonly seq: number;
  readonly id: string;
  readonly at: string;
  readonly event: string;
  readonly meaning: string;
  readonly actor: string;
  readonly entity: string;
  readonly correlation: string;
  readonly words: string;
}

export interface Walked {
  readonly kind: "walked";
  readonly anchor: string;
  readonly records: readonly Record[];
  readonly left_out: number;
}

export interface Record {
  readonly kind: string;
  readonly id: string;
  readonly label: string;
  readonly at: string;
  readonly led: readonly string[];
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

export interface ConsoleTraits {
  readonly actor: string | null;
  readonly bars: readonly Bar[];
  readonly busy: string;
  readonly chain: Chain;
  readonly choices: Choices;
  readonly correlation: string | null;
  readonly event: string | null;
  readonly me: string;
  readonly problem: Problem | null;
  readonly since: string | null;
  readonly took: Timing | null;
  readonly until: string | null;
}

export interface ConsoleWire {
  readonly name: "console";
  readonly traits: ConsoleTraits;
  readonly toKernel: Ready | More | Walk | Verify | Export | Retry | Dismiss;
  readonly fromKernel: Rows | Walked | Part;
}
