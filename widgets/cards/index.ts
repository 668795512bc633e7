// Response cards: they appear one by one while a run is under way, and in pages when it has ended.

import "./style.css";
import { button, fill, h, sanitised } from "../shared/dom.js";
import type { CardsWire, ShownCard } from "../shared/generated/cards.js";
import { type View, widget } from "../shared/view.js";
import { CardElement } from "./card.js";
import { Toolbar } from "./toolbar.js";

export type CardsView = View<CardsWire>;

const PAGE = 100;

class CardsPanel {
  readonly #view: CardsView;
  readonly #head = h("div", { class: "pplab-cards-head" });
  readonly #progress = h("div", { class: "pplab-progress", role: "status" });
  readonly #groups = h("div", { class: "pplab-groups" });
  readonly #pager = h("nav", { class: "pplab-actions pplab-pager", "aria-label": "Pages of answers" });
  readonly #toolbar: Toolbar;
  readonly #cards = new Map<string, CardElement>();
  #page = 0;

  constructor(view: CardsView) {
    this.#view = view;
    this.#toolbar = new Toolbar(view, () => this.#ask(0));
    view.body.append(this.#head, this.#progress, this.#toolbar.element, this.#groups, this.#pager);
    view.on("head", (html) => fill(this.#head, html && sanitised(html)));
    view.on("counts", () => this.#drawProgress());
    view.on("state", () => this.#drawState());
    view.on("statuses", () => this.#toolbar.draw());
    view.listen(
      (message) => {
        if (message.kind === "page") this.#drawPage(message.cards, message.page, message.total);
        else if (message.kind === "arrived") this.#place(message.card);
        else this.#cards.get(message.id)?.explain(message.words, message.parts);
      },
      () => this.#ask(this.#page),
    );
  }

  #ask(page: number): void {
    this.#page = page;
    if (this.#view.get("state") === "done") this.#view.send({ kind: "ask", page, ...this.#toolbar.wishes });
  }

  #drawState(): void {
    const state = this.#view.get("state");
    this.#view.root.hidden = state === "gone";
    this.#toolbar.element.hidden = state !== "done";
    this.#drawProgress();
    this.#toolbar.draw();
    if (state === "done") this.#ask(this.#page);
  }

  #drawProgress(): void {
    const state = this.#view.get("state");
    const counts = this.#view.get("counts");
    if (state === "done" || state === "gone" || !counts) {
      fill(this.#progress, state === "waiting" && h("p", { class: "pplab-quiet" }, "Waiting for the first answers…"));
      return;
    }
    const { planned, done, failed, in_flight: flying } = counts;
    const words = `${done.toLocaleString("en-US")} of ${planned.toLocaleString("en-US")} answers`;
    const rest = [failed && `${failed} failed`, flying && `${flying} under way`].filter(Boolean).join(", ");
    fill(
      this.#progress,
      h("progress", { max: Math.max(1, planned), value: done, "aria-label": "Answers stored" }),
      h("span", {}, rest ? `${words}, ${rest}` : words),
    );
  }

  #drawPage(cards: readonly ShownCard[], page: number, total: number): void {
    this.#page = page;
    const kept = new Set(cards.map((card) => card.id));
    for (const id of [...this.#cards.keys()]) if (!kept.has(id)) this.#cards.delete(id);
    fill(this.#groups);
    for (const card of cards) this.#place(card);
    if (!total) fill(this.#groups, h("p", { class: "pplab-quiet" }, "No answers match."));
    const pages = Math.max(1, Math.ceil(total / PAGE));
    const first = page * PAGE + 1;
    const where = `${first.toLocaleString("en-US")} to ${(first + cards.length - 1).toLocaleString("en-US")} of ${total.toLocaleString("en-US")}`;
    const back = button("Previous page", () => this.#ask(page - 1));
    const next = button("Next page", () => this.#ask(page + 1));
    back.disabled = page === 0;
    next.disabled = page >= pages - 1;
    fill(this.#pager, pages > 1 && back, pages > 1 && h("span", {}, where), pages > 1 && next);
  }

  /** Put a card where it belongs: beside those of the same prompt and setting, in the order in which they come. */
  #place(card: ShownCard): void {
    const known = this.#cards.get(card.id);
    if (known) {
      known.draw(card);
      if (!known.element.isConnected) this.#group(card).append(known.element);
      return;
    }
    const made = new CardElement(this.#view, card);
    this.#cards.set(card.id, made);
    this.#group(card).append(made.element);
  }

  #group(card: ShownCard): Element {
    const key = this.#toolbar.sorted ? "all" : `${card.prompt_index}-${card.setting_index}`;
    const found = [...this.#groups.children].find((group) => group.getAttribute("data-group") === key);
    if (found) return found.querySelector(".pplab-cards-grid") as Element;
    const grid = h("div", { class: "pplab-cards-grid" });
    const heading = this.#toolbar.sorted
      ? ""
      : h("h4", { class: "pplab-group-title" }, card.prompt, h("span", { class: "pplab-chip" }, card.setting));
    this.#groups.append(h("section", { "data-group": key, class: "pplab-group" }, heading, grid));
    return grid;
  }
}

export default widget<CardsWire>("cards", (view) => {
  new CardsPanel(view);
});
