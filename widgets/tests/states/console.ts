// What the kernel may say to the view in tests.

import type { ConsoleTraits, EventLine } from "../../shared/generated/console.js";

export function row(seq: number, changes: Partial<EventLine> = {}): EventLine {
  const fields = { at: "2026-11-23T01:00:00.123456", event: "cell_executed", meaning: "A cell ran.", actor: "ada" };
  return {
    seq,
    id: `id-${seq}`,
    ...fields,
    entity: "cell",
    correlation: "0af7651916cd43dd",
    words: "status ok",
    ...changes,
  };
}

export const TRAITS: Omit<ConsoleTraits, "me" | "problem" | "took"> = {
  chain: { head: 7, verified: null, broken: "" },
  choices: { events: ["cell_executed"], actors: ["ada"] },
  bars: [],
  busy: "",
  event: null,
  actor: null,
  correlation: null,
  since: null,
  until: null,
};
