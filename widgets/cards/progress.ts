// How far a run has come.

import { fill, h } from "../shared/dom.js";
import type { CardsTraits, Counts } from "../shared/generated/cards.js";

export class Progress {
  readonly element = h("div", { class: "pplab-progress-line", role: "status" });

  /** Show the counts while the run is under way, and nothing when it has ended. */
  draw({ state, counts, blocking }: Pick<CardsTraits, "state" | "counts" | "blocking">): void {
    if (state === "done" || !counts) {
      fill(this.element, state !== "done" && h("p", { class: "pplab-quiet" }, "Waiting for the first answers…"));
      return;
    }
    const how = "To stop early, interrupt the kernel; the answers received so far are kept.";
    fill(
      this.element,
      h("progress", { max: Math.max(1, counts.planned), value: counts.done, "aria-label": "Answers stored" }),
      h("span", {}, inWords(counts)),
      blocking && h("span", { class: "pplab-quiet" }, how),
    );
  }
}

function inWords(counts: Counts): string {
  const some = (count: number, words: string) => count > 0 && `${count.toLocaleString("en-US")} ${words}`;
  const until = counts.until && new Date(counts.until * 1000).toLocaleTimeString("en-GB", { timeStyle: "medium" });
  const parts = [
    `${counts.done.toLocaleString("en-US")} of ${counts.planned.toLocaleString("en-US")} answers`,
    some(counts.failed, "failed"),
    some(counts.in_flight, "under way"),
    some(counts.unread, "for the reader to read"),
    some(counts.planned - counts.done - counts.in_flight, "waiting"),
    counts.paused && "paused",
    until && `the server asks to wait until ${until}`,
  ];
  return parts.filter(Boolean).join(", ");
}
