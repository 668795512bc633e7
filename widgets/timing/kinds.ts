// What is timed, each caused by the one before.

import type { Step } from "../shared/generated/timing.js";

export type Kind = Step["kind"];

export const KINDS: readonly Kind[] = ["cell", "operation", "call"];

/** The heading of a kind: "Cells". */
export function plural(kind: Kind): string {
  return `${kind[0]?.toUpperCase()}${kind.slice(1)}s`;
}
