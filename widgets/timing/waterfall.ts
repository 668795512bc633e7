// The waterfall of one trace: each step below what caused it, with its bar on one time line.

import { button, fill, h } from "../shared/dom.js";
import { duration, number } from "../shared/format.js";
import type { Bar, Trace } from "../shared/generated/timing.js";
import { lane, timeScale } from "../shared/timeline.js";
import { trans } from "../shared/translation.js";

interface WaterfallOptions {
  readonly onClose: () => void;
  readonly onCopy: (command: string) => void;
}

export class WaterfallPanel {
  readonly element = h("section", { class: "pplab-panel pplab-waterfall", "aria-label": trans("Trace"), hidden: true });
  readonly #options: WaterfallOptions;
  #shown: string | undefined;

  constructor(options: WaterfallOptions) {
    this.#options = options;
  }

  /** Show a trace, that it is on its way, or none. */
  draw(trace: string | null, waterfall: Trace | null): void {
    this.element.hidden = trace === null;
    if (trace === null) fill(this.element);
    else if (waterfall?.id === trace) this.#draw(waterfall);
    else fill(this.element, h("p", { role: "status" }, trans("Loading the trace…")));
    this.#shown = waterfall?.id === trace ? (trace ?? undefined) : undefined;
  }

  #draw(waterfall: Trace): void {
    const held = this.element.contains(document.activeElement) ? document.activeElement?.textContent : undefined;
    const command = `%pplab trace ${waterfall.id} --full`;
    const copy = button(trans("Copy trace command"), () => this.#options.onCopy(command));
    copy.title = command;
    const close = button(trans("Close"), () => this.#options.onClose(), "quiet");
    const scale = timeScale(waterfall.bars);
    const columns = [trans("Step"), trans("Status"), trans("Began after"), trans("Took"), trans("Time line")];
    const table = h(
      "table",
      { class: "pplab-table pplab-timeline" },
      h("caption", { class: "pplab-hidden" }, trans("The steps of trace %1", waterfall.id)),
      h("thead", {}, h("tr", {}, ...columns.map((name) => h("th", { scope: "col" }, name)))),
      h("tbody", {}, ...waterfall.bars.map((bar) => row(bar, scale))),
    );
    const rest = trans(
      "%1 shorter calls are not drawn; the trace command lists all of them.",
      number(waterfall.left_out),
    );
    fill(
      this.element,
      h(
        "div",
        { class: "pplab-waterfall-head" },
        h("h3", {}, trans("Trace %1", waterfall.id.slice(0, 8))),
        h("div", { class: "pplab-actions" }, copy, close),
      ),
      h("div", { class: "pplab-scroll", role: "region", "aria-label": trans("Waterfall"), tabindex: 0 }, table),
      waterfall.left_out > 0 && h("p", { class: "pplab-quiet" }, rest),
    );
    if (held !== undefined) [copy, close].find((one) => one.textContent === held)?.focus();
    if (waterfall.id !== this.#shown) this.element.scrollIntoView({ block: "nearest" });
  }
}

function row(bar: Bar, scale: (moment: number) => number): HTMLElement {
  return h(
    "tr",
    { "data-kind": bar.kind, "data-id": bar.id },
    h("th", { scope: "row", style: `padding-left: ${12 + 16 * Math.min(bar.depth, 8)}px` }, bar.name),
    h("td", {}, h("span", { class: "pplab-status", "data-status": bar.status }, bar.status)),
    h("td", { class: "pplab-number" }, duration(bar.start)),
    h("td", { class: "pplab-number" }, duration(bar.took)),
    lane(bar, bar.kind, scale),
  );
}
