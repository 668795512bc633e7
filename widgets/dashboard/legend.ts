// The scores by the colour and the shape that each has in the charts: one of the four by its own, any other by its place.

import { h } from "../shared/dom.js";

const FOUR: readonly string[] = ["creativity", "coherence", "structure", "completeness"];
const PALETTE = ["blue", "vermillion", "green", "purple"] as const;

/** Return one entry for each score. */
export function legend(scores: readonly string[]): HTMLElement[] {
  return scores.map((name, index) => {
    const style = `background: var(--pplab-${FOUR.includes(name) ? name : PALETTE[index % PALETTE.length]})`;
    return h("li", {}, h("span", { class: `pplab-mark pplab-mark-${index % 4}`, style }), name);
  });
}
