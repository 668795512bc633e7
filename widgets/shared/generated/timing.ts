// Generated from pplab.views.widgets.timing by widgets/generate.py.

export interface Durations {
  readonly kind: "cell" | "operation" | "call";
  readonly count: number;
  readonly failed: number;
  readonly median: number;
  readonly high: number;
  readonly longest: number;
}

export interface Lists {
  readonly latest: readonly Step[];
  readonly slowest: readonly Step[];
  readonly dearest: readonly Step[];
}

export interface Step {
  readonly kind: "cell" | "operation" | "call";
  readonly id: string;
  readonly name: string;
  readonly about: string;
  readonly status: string;
  readonly at: string;
  readonly took: number;
  readonly calls: number;
  readonly tokens: number | null;
  readonly cost: number | null;
  readonly trace: string;
}

export interface Period {
  readonly kind: "cell" | "operation" | "call";
  readonly place: number;
  readonly count: number;
  readonly failed: number;
  readonly shortest: number;
  readonly median: number;
  readonly longest: number;
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

export interface Totals {
  readonly begins: string;
  readonly ends: string;
  readonly step: number;
  readonly tokens: number | null;
  readonly cost: number | null;
}

export interface Trace {
  readonly id: string;
  readonly bars: readonly Bar[];
  readonly left_out: number;
}

export interface Bar {
  readonly kind: "cell" | "operation" | "call" | "request";
  readonly id: string;
  readonly depth: number;
  readonly name: string;
  readonly status: string;
  readonly at: string;
  readonly start: number;
  readonly took: number;
}

export interface Ready {
  readonly kind: "ready";
}

export interface Retry {
  readonly kind: "retry";
}

export interface Dismiss {
  readonly kind: "dismiss";
}

export interface TimingTraits {
  readonly durations: readonly Durations[];
  readonly first: "cell" | "operation" | "call";
  readonly lists: Lists;
  readonly me: string;
  readonly periods: readonly Period[];
  readonly problem: Problem | null;
  readonly reach: "hour" | "today" | "week" | "all";
  readonly took: Timing | null;
  readonly totals: Totals | null;
  readonly trace: string | null;
  readonly waterfall: Trace | null;
}

export interface TimingWire {
  readonly name: "timing";
  readonly traits: TimingTraits;
  readonly toKernel: Ready | Retry | Dismiss;
  readonly fromKernel: never;
}
