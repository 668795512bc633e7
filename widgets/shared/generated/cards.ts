// Generated from pplab.views.widgets.cards by widgets/generate.py.

export interface Counts {
  readonly planned: number;
  readonly done: number;
  readonly failed: number;
  readonly in_flight: number;
  readonly paused: boolean;
  readonly until: number | null;
  readonly unread: number;
}

export interface FactorChoice {
  readonly name: string;
  readonly title: string;
  readonly levels: readonly string[];
}

export interface Problem {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly correlation_id: string | null;
}

export interface Scale {
  readonly low: number | null;
  readonly high: number | null;
  readonly higher_is_better: boolean;
}

export interface Standing {
  readonly lines: readonly string[];
  readonly dropped: readonly Dropped[];
}

export interface Dropped {
  readonly setting: number;
  readonly words: string;
}

export interface Timing {
  readonly operation: string;
  readonly milliseconds: number;
  readonly correlation_id: string;
}

export interface PageRequest {
  readonly page: number;
  readonly sort: string;
  readonly status: string;
  readonly setting: number;
  readonly levels: Readonly<Record<string, number>>;
}

export interface Ask {
  readonly kind: "ask";
  readonly wanted: PageRequest;
}

export interface Explain {
  readonly kind: "explain";
  readonly id: string;
}

export interface Resend {
  readonly kind: "resend";
  readonly id: string;
}

export interface Retry {
  readonly kind: "retry";
}

export interface Dismiss {
  readonly kind: "dismiss";
}

export interface Page {
  readonly kind: "page";
  readonly page: number;
  readonly total: number;
  readonly cards: readonly CardData[];
}

export interface CardData {
  readonly id: string;
  readonly prompt_index: number;
  readonly prompt: string;
  readonly turns: readonly TurnData[];
  readonly turns_before: number;
  readonly setting_index: number;
  readonly setting: string;
  readonly replicate: number;
  readonly status: string;
  readonly failed: boolean;
  readonly reason: string;
  readonly badges: readonly string[];
  readonly html: string;
  readonly plain: string;
  readonly scores: Readonly<Record<string, number | null>>;
  readonly unjudged: string;
  readonly finish_reason: string | null;
  readonly input_tokens: number | null;
  readonly output_tokens: number | null;
  readonly cost: number | null;
  readonly latency_ms: number | null;
}

export interface TurnData {
  readonly role: string;
  readonly text: string;
  readonly left: number;
}

export interface Arrived {
  readonly kind: "arrived";
  readonly card: CardData;
}

export interface Explained {
  readonly kind: "explained";
  readonly id: string;
  readonly words: string;
  readonly parts: Readonly<Record<string, Readonly<Record<string, number | null>>>>;
}

export interface CardsTraits {
  readonly blocking: boolean;
  readonly code: string;
  readonly counts: Counts | null;
  readonly factors: readonly FactorChoice[];
  readonly head: string;
  readonly me: string;
  readonly metrics: readonly string[];
  readonly problem: Problem | null;
  readonly scales: Readonly<Record<string, Scale>>;
  readonly settings: readonly string[];
  readonly standing: Standing | null;
  readonly state: "waiting" | "running" | "done";
  readonly statuses: Readonly<Record<string, number>>;
  readonly took: Timing | null;
  readonly wanted: PageRequest;
}

export interface CardsWire {
  readonly name: "cards";
  readonly traits: CardsTraits;
  readonly toKernel: Ask | Explain | Resend | Retry | Dismiss;
  readonly fromKernel: Page | Arrived | Explained;
}
