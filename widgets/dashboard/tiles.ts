// The totals at the top.

import { h } from "../shared/dom.js";
import { dollars, duration, number } from "../shared/format.js";
import type { Tiles } from "../shared/generated/dashboard.js";
import { trans } from "../shared/translation.js";

/** Return one tile for each total; what is unknown says so. */
export function tiles(totals: Tiles): HTMLElement[] {
  const share = totals.usable_share;
  const latency = totals.latency;
  return [
    tile(trans("Experiments"), number(totals.experiments)),
    tile(trans("Responses"), number(totals.responses)),
    tile(
      trans("Usable"),
      share === null ? trans("n/a") : `${number(share * 100, 1)} %`,
      [number(totals.ok), totals.unusable].filter(Boolean).join("; "),
    ),
    tile(trans("Cost"), totals.cost === null ? trans("n/a") : dollars(totals.cost)),
    tile(
      trans("Median latency"),
      latency === null ? trans("n/a") : duration(latency),
      totals.latency_p90 === null ? "" : trans("90 % within %1", duration(totals.latency_p90)),
    ),
  ];
}

function tile(name: string, value: string, note = ""): HTMLElement {
  return h(
    "li",
    { class: "pplab-panel pplab-tile" },
    h("span", { class: "pplab-tile-name" }, name),
    h("span", { class: "pplab-tile-value" }, value),
    h("span", { class: "pplab-quiet" }, note),
  );
}
