// How far a run has come.

import { fill, h } from "../shared/dom.js";
import type { CardsTraits, Counts } from "../shared/generated/cards.js";
import { trans } from "../shared/translation.js";

export class Progress {
  readonly element = h("div", { class: "pplab-progress-line", role: "status" });

  /** Show the counts while the run is under way, and nothing when it has ended. */
  draw({ state, counts, blocking }: Pick<CardsTraits, "state" | "counts" | "blocking">): void {
    if (state === "done" || !counts) {
      fill(this.element, state !== "done" && h("p", { class: "pplab-quiet" }, trans("Waiting for the first answers…")));
      return;
    }
    const how = trans("To stop early, interrupt the kernel; the answers received so far are kept.");
    fill(
      this.element,
      h("progress", { max: Math.max(1, counts.planned), value: counts.done, "aria-label": trans("Answers stored") }),
      h("span", {}, inWords(counts)),
      blocking && h("span", { class: "pplab-quiet" }, how),
    );
  }
}

function inWords(counts: Counts): string {
  const whole = (count: number) => count.toLocaleString("en-US");
  const waiting = counts.planned - counts.done - counts.in_flight;
  const until = counts.until && new Date(counts.until * 1000).toLocaleTimeString("en-GB", { timeStyle: "medium" });
  const parts = [
    trans("%1 of %2 answers", whole(counts.done), whole(counts.planned)),
    counts.failed > 0 && trans("%1 failed", whole(counts.failed)),
    counts.in_flight > 0 && trans("%1 under way", whole(counts.in_flight)),
    counts.unread > 0 && trans("%1 for the reader to read", whole(counts.unread)),
    waiting > 0 && trans("%1 waiting", whole(waiting)),
    counts.paused && trans("paused"),
    until && trans("the server asks to wait until %1", until),
  ];
  return parts.filter(Boolean).join(", ");
}
