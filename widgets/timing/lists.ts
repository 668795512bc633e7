// The latest, the slowest and the dearest of each kind; each opens its trace.

import { button, fill, h } from "../shared/dom.js";
import { dollars, duration, number } from "../shared/format.js";
import type { Lists, Step } from "../shared/generated/timing.js";
import { Tabs } from "../shared/tabs.js";
import { shortTime } from "../shared/time.js";
import { trans } from "../shared/translation.js";
import { counted, KINDS, type Kind, plural, singular } from "./kinds.js";

type Order = keyof Lists;

const ORDERS: readonly Order[] = ["latest", "slowest", "dearest"];

interface StepListsOptions {
  readonly first: Kind;
  readonly onOpen: (step: Step) => void;
}

/** A tab for each kind with three short tables side by side. */
export class StepLists {
  readonly element: HTMLElement;
  readonly #tables: readonly StepTable[];

  constructor({ first, onOpen }: StepListsOptions) {
    this.#tables = KINDS.flatMap((kind) => ORDERS.map((one) => new StepTable(kind, one, onOpen)));
    const panels = KINDS.map((kind) => {
      const own = this.#tables.filter((table) => table.kind === kind).map((table) => table.element);
      return { name: plural(kind), element: h("div", { class: "pplab-step-lists" }, ...own) };
    });
    const tabs = new Tabs(trans("Cells, operations or calls"), panels, KINDS.indexOf(first));
    this.element = h("div", { class: "pplab-by-kind" }, tabs.list, ...tabs.panels);
  }

  /** Show the lists, and which trace is open. */
  draw(lists: Lists, trace: string | null): void {
    for (const table of this.#tables) table.draw(lists[table.order], trace);
  }

  /** Put the focus back on a step whose trace was shown. */
  focus(trace: string): void {
    const buttons = this.element.querySelectorAll<HTMLElement>(`tr[data-trace="${trace}"] button`);
    [...buttons].find((one) => !one.closest("[hidden]"))?.focus();
  }
}

class StepTable {
  readonly kind: Kind;
  readonly order: Order;
  readonly element: HTMLElement;
  readonly #body = h("tbody");
  readonly #none = h("p", { class: "pplab-quiet pplab-none" });
  readonly #onOpen: (step: Step) => void;

  constructor(kind: Kind, order: Order, onOpen: (step: Step) => void) {
    this.kind = kind;
    this.order = order;
    this.#onOpen = onOpen;
    const columns = [singular(kind), trans("Began"), trans("Took"), trans("Cost")];
    const heads = columns.map((column) => h("th", { scope: "col" }, column));
    const table = h(
      "table",
      { class: "pplab-table" },
      h("caption", {}, title(order)),
      h("thead", {}, h("tr", {}, ...heads)),
      this.#body,
    );
    this.element = h(
      "div",
      { class: "pplab-scroll", role: "region", "aria-label": titleOf(kind, order), tabindex: 0 },
      table,
      this.#none,
    );
  }

  /** A step that has the focus keeps it where it stays in the list. */
  draw(steps: readonly Step[], trace: string | null): void {
    const own = steps.filter((step) => step.kind === this.kind);
    const focused = this.#body.contains(document.activeElement)
      ? document.activeElement?.closest("tr")?.dataset.id
      : undefined;
    fill(this.#body, ...own.map((step) => this.#row(step, trace)));
    this.#none.textContent = own.length ? "" : none(this.order);
    if (!focused) return;
    const row = [...this.#body.children].find((one) => (one as HTMLElement).dataset.id === focused);
    (row?.querySelector("button") ?? this.element).focus();
  }

  #row(step: Step, trace: string | null): HTMLElement {
    const open = button(step.name, () => this.#onOpen(step), "quiet");
    open.title = trans("Show its trace %1", step.trace);
    const about = details(step);
    const words = about && h("div", { class: "pplab-quiet pplab-step-about", title: about }, about);
    const state = h("span", { class: "pplab-status", "data-status": tone(step), title: step.status });
    return h(
      "tr",
      { "data-id": step.id, "data-trace": step.trace, "aria-current": step.trace === trace && "true" },
      h(
        "th",
        { scope: "row" },
        h("div", { class: "pplab-step-name" }, state, open, h("span", { class: "pplab-hidden" }, step.status)),
        words,
      ),
      h("td", {}, shortTime(step.at)),
      h("td", { class: "pplab-number" }, duration(step.took)),
      h("td", { class: "pplab-number" }, step.cost === null ? "-" : dollars(step.cost)),
    );
  }
}

function title(order: Order): string {
  return { latest: trans("Latest"), slowest: trans("Slowest"), dearest: trans("Dearest") }[order];
}

/** What one of the lists is called where it stands alone: "Latest cells". */
function titleOf(kind: Kind, order: Order): string {
  const titles = {
    cell: { latest: trans("Latest cells"), slowest: trans("Slowest cells"), dearest: trans("Dearest cells") },
    operation: {
      latest: trans("Latest operations"),
      slowest: trans("Slowest operations"),
      dearest: trans("Dearest operations"),
    },
    call: { latest: trans("Latest calls"), slowest: trans("Slowest calls"), dearest: trans("Dearest calls") },
  };
  return titles[kind][order];
}

function none(order: Order): string {
  return order === "dearest" ? trans("None that is known to have cost anything.") : trans("None in this time.");
}

/** What a step is about: its notebook or model, its calls and their tokens. */
function details({ kind, about, calls, tokens }: Step): string {
  const called = kind !== "call" && calls > 0 && counted("call", calls);
  return [about, called, tokens !== null && trans("%1 tokens", number(tokens))].filter(Boolean).join(", ");
}

const UNANSWERED = ["failed", "rejected", "timeout", "error", "syntax error"];

/** The status as its mark shows it. */
function tone({ status }: Step): string {
  if (status === "ok") return "ok";
  return UNANSWERED.includes(status) ? "failed" : "interrupted";
}
