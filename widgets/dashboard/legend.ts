// The metrics by the colour and the shape that each has in the charts.

import { h } from "../shared/dom.js";

/** Return one entry for each metric. */
export function legend(metrics: readonly string[]): HTMLElement[] {
  return metrics.map((metric, index) => {
    const style = `background: var(--pplab-${metric})`;
    return h("li", {}, h("span", { class: `pplab-mark pplab-mark-${index % 4}`, style }), metric);
  });
}
