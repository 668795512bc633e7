// The timing view: durations at the top, the chart over time, the latest, slowest and dearest, and the waterfall of one trace.

import "./style.css";
import { fill, h } from "../shared/dom.js";
import { labelledControl } from "../shared/field.js";
import { dollars, number } from "../shared/format.js";
import type { TimingTraits, TimingWire } from "../shared/generated/timing.js";
import { drawOptions } from "../shared/select.js";
import { trans, transPlural } from "../shared/translation.js";
import { type View, widget } from "../shared/view.js";
import { Chart } from "./chart.js";
import { DurationsTable } from "./durations.js";
import { StepLists } from "./lists.js";
import { WaterfallPanel } from "./waterfall.js";

type Reach = TimingTraits["reach"];

function draw(view: View<TimingWire>): void {
  const reach = h("select");
  reach.addEventListener("change", () => view.change({ reach: reach.value as Reach }));
  const spent = h("p", { class: "pplab-quiet" });
  const note = h("p", { role: "status", class: "pplab-quiet pplab-none" });
  const durations = new DurationsTable();
  const chart = new Chart();
  const lists = new StepLists({ first: view.get("first"), onOpen: (step) => view.change({ trace: step.trace }) });
  const waterfall = new WaterfallPanel({
    onClose: () => {
      const trace = view.get("trace");
      view.change({ trace: null });
      if (trace) lists.focus(trace);
    },
    onCopy: (command) => void view.frame.copy(command, trans("Trace command")),
  });
  const content = h("div", { class: "pplab-timings-content" }, durations.element, chart.element, lists.element);
  const head = h(
    "div",
    { class: "pplab-filters", role: "group", "aria-label": trans("Filters") },
    labelledControl(trans("Time"), reach),
    spent,
  );
  view.frame.body.append(h("div", { class: "pplab-timings" }, head, note, content, waterfall.element));

  view.watch(["reach"], (traits) => drawOptions(reach, reaches(), traits.reach));
  view.watch(["totals", "durations", "reach"], (traits) => {
    const some = traits.durations.length > 0;
    content.hidden = !some;
    fill(note, !traits.totals ? trans("Loading the timings…") : !some && nothing(traits.reach));
    fill(spent, traits.totals && some && spentWords(traits));
    durations.draw(traits.durations);
  });
  view.watch(["periods", "totals"], ({ periods, totals }) => totals && chart.draw(periods, totals));
  view.watch(["lists", "trace"], (traits) => lists.draw(traits.lists, traits.trace));
  view.watch(["trace", "waterfall"], (traits) => waterfall.draw(traits.trace, traits.waterfall));
  view.send({ kind: "ready" });
}

function reaches(): { readonly value: Reach; readonly label: string }[] {
  return [
    { value: "hour", label: trans("Last hour") },
    { value: "today", label: trans("Today") },
    { value: "week", label: trans("Last 7 days") },
    { value: "all", label: trans("All") },
  ];
}

/** What to do where nothing ran. */
function nothing(reach: Reach): string {
  if (reach !== "all") return trans("Nothing ran in this time. Choose a longer one, or run a cell: it appears here.");
  return trans(
    "Nothing has been timed in this lab yet. Run a cell, such as %1: it appears here.",
    "%pplab calibrate --preset balanced",
  );
}

/** What all calls of the time took. */
function spentWords({ totals, durations }: Pick<TimingTraits, "totals" | "durations">): string {
  const calls = durations.find((one) => one.kind === "call")?.count ?? 0;
  if (!totals || !calls) return trans("No calls to a model.");
  const tokens = totals.tokens === null ? trans("tokens unknown") : trans("%1 tokens", number(totals.tokens));
  const cost = totals.cost === null ? trans("cost unknown") : dollars(totals.cost);
  return transPlural("%2 call to a model: %3, %4.", "%2 calls to a model: %3, %4.", calls, number(calls), tokens, cost);
}

export default widget<TimingWire>("timing", draw);
