// The events, newest first, as a table; each opens its chain of cause.

import { button, fill, h } from "../shared/dom.js";
import type { EventLine, Rows } from "../shared/generated/console.js";
import { parseTime, preciseTime } from "../shared/time.js";
import { trans } from "../shared/translation.js";

const MAX_ROWS = 1000; // rows kept in the page while new ones arrive

interface EventsOptions {
  readonly onOpen: (line: EventLine) => void;
  readonly onCorrelation: (id: string) => void;
  readonly onOlder: (before: number) => void;
}

export class EventsTable {
  readonly element: HTMLElement;
  readonly #options: EventsOptions;
  readonly #body = h("tbody");
  readonly #empty = h("p", { class: "pplab-quiet pplab-none" });
  readonly #older: HTMLButtonElement;
  #openId: string | undefined;

  constructor(options: EventsOptions) {
    this.#options = options;
    this.#older = button(trans("Show older events"), () => {
      const last = this.#body.lastElementChild as HTMLElement | null;
      if (last) options.onOlder(Number(last.dataset.seq));
    });
    this.#older.classList.add("pplab-more");
    this.#older.hidden = true;
    this.#empty.textContent = trans("Loading the events…");
    const columns = [trans("Row"), trans("Time"), trans("Event"), trans("Actor"), trans("About"), trans("Correlation")];
    const table = h(
      "table",
      { class: "pplab-table" },
      h("caption", { class: "pplab-hidden" }, trans("Events, newest first")),
      h("thead", {}, h("tr", {}, ...columns.map((name) => h("th", { scope: "col" }, name)))),
      this.#body,
    );
    const scroller = { class: "pplab-scroll", role: "region", "aria-label": trans("Events"), tabindex: 0 };
    this.element = h("div", { class: "pplab-list" }, h("div", scroller, table, this.#empty, this.#older));
  }

  /** Show rows: in the place of all before, new ones above, or older ones below. */
  draw({ rows: lines, place, older }: Omit<Rows, "kind">): void {
    const rows = lines.map((line) => this.#row(line, place === "above"));
    if (place === "all") fill(this.#body, ...rows);
    else if (place === "above") this.#body.prepend(...rows);
    else this.#body.append(...rows);
    if (place !== "above") this.#older.hidden = !older;
    while (place === "above" && this.#body.childElementCount > MAX_ROWS) {
      this.#body.lastElementChild?.remove();
      this.#older.hidden = false;
    }
    this.#empty.textContent = this.#body.childElementCount ? "" : trans("No event matches these filters.");
  }

  /** Put the focus back on the event whose chain was shown. */
  focus(): void {
    this.#body.querySelector<HTMLElement>('[aria-current="true"] button')?.focus();
  }

  #row(line: EventLine, fresh: boolean): HTMLElement {
    const open = button(line.event, () => this.#open(line), "quiet");
    open.title = line.meaning;
    const { correlation } = line;
    const narrow =
      correlation && button(correlation.slice(0, 8), () => this.#options.onCorrelation(correlation), "quiet");
    if (narrow) narrow.title = trans("Show only events with the correlation id %1", correlation);
    return h(
      "tr",
      {
        class: fresh && "pplab-fresh",
        "data-seq": line.seq,
        "data-event": line.event,
        "aria-current": line.id === this.#openId && "true",
      },
      h("td", { class: "pplab-number" }, String(line.seq)),
      h("td", { title: parseTime(line.at).toLocaleString() }, preciseTime(line.at)),
      h("th", { scope: "row" }, open),
      h("td", {}, line.actor),
      h("td", { class: "pplab-words", title: line.words }, line.words || line.entity),
      h("td", {}, narrow),
    );
  }

  #open(line: EventLine): void {
    this.#openId = line.id;
    for (const row of this.#body.children) row.removeAttribute("aria-current");
    this.#body.querySelector(`[data-seq="${line.seq}"]`)?.setAttribute("aria-current", "true");
    this.#options.onOpen(line);
  }
}
