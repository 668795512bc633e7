// Response cards: they appear one by one while a run is under way, and in pages when it has ended.

import "./style.css";
import { button, fill, h, sanitised } from "../shared/dom.js";
import type { CardsWire, Counts, ShownCard, Wanted } from "../shared/generated/cards.js";
import { type View, widget } from "../shared/view.js";
import { CardElement } from "./card.js";
import { Toolbar } from "./toolbar.js";

export type CardsView = View<CardsWire>;

const PAGE = 100;

class CardsPanel {
  readonly #view: CardsView;
  readonly #head = h("div");
  readonly #standing = h("div", { class: "pplab-standing", role: "status" });
  readonly #groups = h("div");
  readonly #pager = h("nav", { class: "pplab-actions pplab-pager", "aria-label": "Pages of answers" });
  readonly #toolbar: Toolbar;
  readonly #cards = new Map<string, CardElement>();

  constructor(view: CardsView) {
    this.#view = view;
    this.#toolbar = new Toolbar(view, (wanted) => this.#want(wanted));
    view.body.append(this.#head, this.#standing, this.#toolbar.element, this.#groups, this.#pager);
    view.on("head", (html) => fill(this.#head, html && sanitised(html)));
    view.on("counts", () => this.#drawStanding());
    view.on("state", () => this.#drawState());
    view.on("statuses", () => this.#toolbar.draw());
    view.on("wanted", () => this.#toolbar.draw());
    view.on("problem", (problem) => {
      if (problem) for (const card of this.#cards.values()) card.rest();
    });
    view.listen(
      (message) => {
        if (message.kind === "page") this.#drawPage(message.cards, message.page, message.total);
        else if (message.kind === "arrived") this.#place(message.card);
        else [...this.#cards.values()].find(({ id }) => id === message.id)?.explain(message.words, message.parts);
      },
      () => this.#ask(view.get("wanted")),
    );
  }

  /** Ask for other cards because the user wants them. */
  #want(wanted: Wanted): void {
    this.#view.change({ wanted });
    this.#ask(wanted);
  }

  #ask(wanted: Wanted): void {
    if (this.#view.get("state") === "done") this.#view.send({ kind: "ask", wanted });
  }

  #drawState(): void {
    const state = this.#view.get("state");
    this.#toolbar.element.hidden = state !== "done";
    this.#drawStanding();
    this.#toolbar.draw();
    if (state === "done") this.#ask(this.#view.get("wanted"));
    else if (state === "waiting") this.#clear();
  }

  #clear(): void {
    this.#cards.clear();
    fill(this.#groups);
    fill(this.#pager);
  }

  #drawStanding(): void {
    const state = this.#view.get("state");
    const counts = this.#view.get("counts");
    if (state === "done" || !counts) {
      fill(this.#standing, state !== "done" && h("p", { class: "pplab-quiet" }, "Waiting for the first answers…"));
      return;
    }
    fill(
      this.#standing,
      h("progress", { max: Math.max(1, counts.planned), value: counts.done, "aria-label": "Answers stored" }),
      h("span", {}, standing(counts)),
      this.#view.get("blocking") &&
        h("span", { class: "pplab-quiet" }, "To end it early, interrupt the kernel: what arrived is kept."),
    );
  }

  #drawPage(cards: readonly ShownCard[], page: number, total: number): void {
    this.#clear();
    for (const card of cards) this.#place(card);
    if (!total) fill(this.#groups, h("p", { class: "pplab-quiet" }, "No answers match."));
    const pages = Math.ceil(total / PAGE);
    if (pages < 2) return;
    const first = page * PAGE + 1;
    const [from, to, of] = [first, first + cards.length - 1, total].map((count) => count.toLocaleString("en-US"));
    const turn = (by: number) => () => this.#want({ ...this.#view.get("wanted"), page: page + by });
    const back = button("Previous page", turn(-1));
    const next = button("Next page", turn(1));
    back.disabled = page === 0;
    next.disabled = page >= pages - 1;
    fill(this.#pager, back, h("span", {}, `${from} to ${to} of ${of}`), next);
  }

  /** Put a card where it belongs: beside those of the same prompt and setting, in the order in which they come. */
  #place(card: ShownCard): void {
    const place = `${card.prompt_index}-${card.setting_index}-${card.replicate}`;
    const known = this.#cards.get(place);
    if (known) {
      known.draw(card);
      return;
    }
    const made = new CardElement(this.#view, card);
    this.#cards.set(place, made);
    this.#group(card).append(made.element);
  }

  #group(card: ShownCard): Element {
    const sorted = this.#view.get("wanted").sort !== "";
    const key = sorted ? "all" : `${card.prompt_index}-${card.setting_index}`;
    const found = [...this.#groups.children].find((group) => group.getAttribute("data-group") === key);
    if (found?.lastElementChild) return found.lastElementChild;
    const grid = h("div", { class: "pplab-cards-grid" });
    const heading =
      !sorted && h("h4", { class: "pplab-group-title" }, card.prompt, h("span", { class: "pplab-chip" }, card.setting));
    this.#groups.append(h("section", { "data-group": key }, heading, grid));
    return grid;
  }
}

function standing(counts: Counts): string {
  const say = (count: number, words: string) => count > 0 && `${count.toLocaleString("en-US")} ${words}`;
  const until = counts.until && new Date(counts.until * 1000).toLocaleTimeString("en-GB", { timeStyle: "medium" });
  const parts = [
    `${counts.done.toLocaleString("en-US")} of ${counts.planned.toLocaleString("en-US")} answers`,
    say(counts.failed, "failed"),
    say(counts.in_flight, "under way"),
    say(counts.planned - counts.done - counts.in_flight, "waiting"),
    counts.paused && "paused",
    until && `the server asks to wait until ${until}`,
  ];
  return parts.filter(Boolean).join(", ");
}

export default widget<CardsWire>("cards", (view) => {
  new CardsPanel(view);
});
