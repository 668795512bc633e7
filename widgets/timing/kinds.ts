// What is timed, each caused by the one before.

import { number } from "../shared/format.js";
import type { Step } from "../shared/generated/timing.js";
import { trans, transPlural } from "../shared/translation.js";

export type Kind = Step["kind"];

export const KINDS: readonly Kind[] = ["cell", "operation", "call"];

/** The heading of one of a kind: "Cell". */
export function singular(kind: Kind): string {
  return { cell: trans("Cell"), operation: trans("Operation"), call: trans("Call") }[kind];
}

/** The heading of a kind: "Cells". */
export function plural(kind: Kind): string {
  return { cell: trans("Cells"), operation: trans("Operations"), call: trans("Calls") }[kind];
}

/** How many of a kind: "1 cell", "1,024 calls". */
export function counted(kind: Kind, count: number): string {
  const shown = number(count);
  if (kind === "cell") return transPlural("%2 cell", "%2 cells", count, shown);
  if (kind === "operation") return transPlural("%2 operation", "%2 operations", count, shown);
  return transPlural("%2 call", "%2 calls", count, shown);
}
