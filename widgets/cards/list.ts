// The cards: grouped by prompt and setting, or in one group when they are sorted.

import { fill, h } from "../shared/dom.js";
import type { CardData, Dropped, Explained, Page } from "../shared/generated/cards.js";
import { trans } from "../shared/translation.js";
import { Card, type CardContext, type CardOptions } from "./card.js";
import { conversation } from "./conversation.js";

interface ListContext extends CardContext {
  readonly sorted: boolean;
}

export class CardList {
  readonly element = h("div");
  readonly #options: CardOptions;
  readonly #cards = new Map<string, Card>();
  readonly #open = h("div");
  readonly #folded = h("div");
  #dropped: readonly Dropped[] = [];

  constructor(options: CardOptions) {
    this.#options = options;
    this.element.append(this.#folded, this.#open);
  }

  /** Show a page of cards in the place of those before; those that are on both stay the same, and unfolded. */
  draw({ cards, total }: Pick<Page, "cards" | "total">, context: ListContext): void {
    const before = new Map(this.#cards);
    this.clear();
    for (const card of cards) this.drawCard(card, context, before);
    if (!total) fill(this.#open, h("p", { class: "pplab-quiet" }, trans("No answers match.")));
  }

  /** Show one card: beside those of the same prompt and setting, in the order in which they come. */
  drawCard(data: CardData, context: ListContext, before?: ReadonlyMap<string, Card>): void {
    const key = `${data.prompt_index}-${data.setting_index}-${data.replicate}`;
    let card = this.#cards.get(key);
    if (!card) {
      card = before?.get(key) ?? new Card(this.#options);
      this.#cards.set(key, card);
      this.#group(data, context.sorted).append(card.element);
    }
    card.draw(data, context);
  }

  /** Show what the scores of one card rest on. */
  explain(explanation: Omit<Explained, "kind">): void {
    [...this.#cards.values()].find(({ id }) => id === explanation.id)?.explain(explanation);
  }

  /** Offer Retry again on every card whose call could not be sent. */
  enableRetry(): void {
    for (const card of this.#cards.values()) card.enableRetry();
  }

  /** Put the answers of settings that are asked no further aside, each setting with its reason. */
  fold(dropped: readonly Dropped[]): void {
    this.#dropped = dropped;
    const groups = this.#groups();
    const opened = new Set(
      [...this.#folded.querySelectorAll("details[open]")].map((fold) => fold.getAttribute("data-setting")),
    );
    fill(this.#folded, ...dropped.map(({ setting, words }) => this.#fold(setting, words, opened.has(String(setting)))));
    for (const group of groups) this.#place(group);
  }

  clear(): void {
    this.#cards.clear();
    fill(this.#open);
    fill(this.#folded);
    this.fold(this.#dropped);
  }

  #groups(): Element[] {
    return [...this.element.querySelectorAll("section[data-group]")];
  }

  #fold(setting: number, words: string, open: boolean): HTMLElement {
    const fold = h("details", { "data-setting": setting, class: "pplab-fold", hidden: true }, h("summary", {}, words));
    fold.open = open;
    return fold;
  }

  /** Put a group where it belongs: with the others, or in the fold of its setting. */
  #place(group: Element): void {
    const fold = this.#folded.querySelector<HTMLElement>(
      `details[data-setting="${group.getAttribute("data-setting")}"]`,
    );
    if (fold) fold.hidden = false;
    (fold ?? this.#open).append(group);
  }

  #group(card: CardData, sorted: boolean): Element {
    const key = sorted ? "all" : `${card.prompt_index}-${card.setting_index}`;
    const group = this.#groups().find((section) => section.getAttribute("data-group") === key);
    if (group?.lastElementChild) return group.lastElementChild;
    const grid = h("div", { class: "pplab-cards-grid" });
    const setting = h("span", { class: "pplab-chip" }, card.setting);
    const talk = card.turns.length > 0 && conversation(card);
    const heading = h("h4", { class: "pplab-group-title" }, talk ? trans("Conversation") : card.prompt, setting);
    const place = { "data-group": key, "data-setting": sorted ? "all" : card.setting_index };
    this.#place(h("section", place, !sorted && heading, !sorted && talk, grid));
    return grid;
  }
}
