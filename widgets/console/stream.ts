// The events, newest first, as a table; each opens the chain it belongs to.

import { button, fill, h } from "../shared/dom.js";
import type { EventLine, Rows } from "../shared/generated/console.js";
import { exactly, parseTime } from "../shared/time.js";

const HEADS = ["Row", "Time", "Event", "Actor", "About", "Cause"];
const MOST = 1000; // rows kept in the page while new ones arrive

interface Asked {
  readonly walk: (line: EventLine) => void;
  readonly narrow: (line: EventLine) => void;
  readonly more: (before: number) => void;
}

export class Stream {
  readonly element: HTMLElement;
  readonly #asked: Asked;
  readonly #body = h("tbody");
  readonly #empty = h("p", { class: "pplab-quiet pplab-none" });
  readonly #more: HTMLButtonElement;
  #chosen: string | undefined;

  constructor(asked: Asked) {
    this.#asked = asked;
    this.#more = button("Show older events", () => {
      const last = this.#body.lastElementChild as HTMLElement | null;
      if (last) asked.more(Number(last.dataset.seq));
    });
    this.#more.classList.add("pplab-more");
    this.#more.hidden = true;
    this.#empty.textContent = "Loading the events";
    const table = h(
      "table",
      { class: "pplab-table" },
      h("caption", { class: "pplab-hidden" }, "Events, newest first"),
      h("thead", {}, h("tr", {}, ...HEADS.map((name) => h("th", { scope: "col" }, name)))),
      this.#body,
    );
    const scroller = { class: "pplab-scroll", role: "region", "aria-label": "Events", tabindex: 0 };
    this.element = h("div", { class: "pplab-stream" }, h("div", scroller, table, this.#empty, this.#more));
  }

  /** Take rows: all of them, new ones above, or older ones below. */
  take(message: Rows): void {
    const rows = message.rows.map((line) => this.#row(line, message.place === "above"));
    if (message.place === "all") fill(this.#body, ...rows);
    else if (message.place === "above") this.#body.prepend(...rows);
    else this.#body.append(...rows);
    if (message.place !== "above") this.#more.hidden = !message.older;
    while (message.place === "above" && this.#body.childElementCount > MOST) {
      this.#body.lastElementChild?.remove();
      this.#more.hidden = false;
    }
    this.#empty.textContent = this.#body.childElementCount ? "" : "No event matches these filters.";
  }

  /** Put the focus back on the event whose chain was shown. */
  focus(): void {
    this.#body.querySelector<HTMLElement>('[aria-current="true"] button')?.focus();
  }

  #row(line: EventLine, fresh: boolean): HTMLElement {
    const open = button(line.event, () => this.#choose(line), "quiet");
    open.title = line.meaning;
    const cause = line.correlation && button(line.correlation.slice(0, 8), () => this.#asked.narrow(line), "quiet");
    if (cause) cause.title = `Show only this chain: ${line.correlation}`;
    return h(
      "tr",
      {
        class: fresh && "pplab-fresh",
        "data-seq": line.seq,
        "data-event": line.event,
        "aria-current": line.id === this.#chosen && "true",
      },
      h("td", { class: "pplab-number" }, String(line.seq)),
      h("td", { title: parseTime(line.at).toLocaleString() }, exactly(line.at)),
      h("th", { scope: "row" }, open),
      h("td", {}, line.actor),
      h("td", { class: "pplab-words", title: line.words }, line.words || line.entity),
      h("td", {}, cause),
    );
  }

  #choose(line: EventLine): void {
    this.#chosen = line.id;
    for (const row of this.#body.children) row.removeAttribute("aria-current");
    this.#body.querySelector(`[data-seq="${line.seq}"]`)?.setAttribute("aria-current", "true");
    this.#asked.walk(line);
  }
}
