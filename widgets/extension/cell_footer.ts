// The line below a cell that ran with pplab: how long it took, its calls, tokens and cost, and the way to its trace.

import type { TranslationBundle } from "@jupyterlab/translation";
import { Widget } from "@lumino/widgets";
import { fill, h } from "../shared/dom.js";
import { duration, number } from "../shared/format.js";
import type { Cell } from "./api.js";
import { dollars } from "./words.js";
import "./footer.css";

/** What a cell took, in parts: "1.4 s", "12 calls", "3,400 tokens", "$0.42". */
export function footerWords(trans: TranslationBundle, run: Cell): string[] {
  const spent = run.duration_ms ?? 0;
  const time = spent < 1 ? trans.__("under 1 ms") : duration(spent);
  const ended: Readonly<Record<string, string>> = {
    error: trans.__("failed after %1", time),
    interrupted: trans.__("interrupted after %1", time),
  };
  const parts = [ended[run.status] ?? time];
  if (!run.calls) return parts;
  parts.push(trans._n("%1 call", "%1 calls", run.calls));
  if (run.tokens) parts.push(trans.__("%1 tokens", number(run.tokens)));
  if (run.cost !== null) parts.push(dollars(trans, run.cost));
  return parts;
}

/** The line itself. It has the same height with and without words, so that nothing below it moves when they come. */
export class CellFooter extends Widget {
  private shown: string | null = null;

  constructor(
    private readonly trans: TranslationBundle,
    /** Opens the trace with this id; `null` where nothing can. */
    private readonly onTrace: ((id: string) => void) | null,
  ) {
    super();
    this.node.dataset.pplab = "cell-footer";
    this.addClass("pplab-footer");
  }

  /** Keep the place without words, while the cell runs. */
  wait(): void {
    this.shown = null;
    fill(this.node);
  }

  /** Say what the cell took. */
  say(run: Cell): void {
    const { trans } = this;
    const words = footerWords(trans, run).join(" · ");
    const shown = `${run.correlation_id} ${words}`;
    if (shown === this.shown) return;
    this.shown = shown;
    const open = this.onTrace;
    const link =
      open &&
      h(
        "button",
        {
          type: "button",
          class: "pplab-footer-trace",
          title: trans.__("Show every operation and call that this cell caused"),
          onclick: () => open(run.correlation_id),
        },
        trans.__("Trace"),
      );
    fill(this.node, h("span", {}, words), link);
  }
}
