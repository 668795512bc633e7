// The cards: grouped by prompt and setting, or in one group when they are sorted.

import { fill, h } from "../shared/dom.js";
import type { CardData, Explained, Page } from "../shared/generated/cards.js";
import { Card, type CardContext, type CardOptions } from "./card.js";
import { conversation } from "./conversation.js";

interface ListContext extends CardContext {
  readonly sorted: boolean;
}

export class CardList {
  readonly element = h("div");
  readonly #options: CardOptions;
  readonly #cards = new Map<string, Card>();

  constructor(options: CardOptions) {
    this.#options = options;
  }

  /** Show a page of cards in the place of those before. */
  draw({ cards, total }: Pick<Page, "cards" | "total">, context: ListContext): void {
    this.clear();
    for (const card of cards) this.drawCard(card, context);
    if (!total) fill(this.element, h("p", { class: "pplab-quiet" }, "No answers match."));
  }

  /** Show one card: beside those of the same prompt and setting, in the order in which they come. */
  drawCard(data: CardData, context: ListContext): void {
    const key = `${data.prompt_index}-${data.setting_index}-${data.replicate}`;
    let card = this.#cards.get(key);
    if (!card) {
      card = new Card(this.#options);
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

  clear(): void {
    this.#cards.clear();
    fill(this.element);
  }

  #group(card: CardData, sorted: boolean): Element {
    const key = sorted ? "all" : `${card.prompt_index}-${card.setting_index}`;
    const group = [...this.element.children].find((child) => child.getAttribute("data-group") === key);
    if (group?.lastElementChild) return group.lastElementChild;
    const grid = h("div", { class: "pplab-cards-grid" });
    const setting = h("span", { class: "pplab-chip" }, card.setting);
    const talk = card.turns.length > 0 && conversation(card);
    const heading = h("h4", { class: "pplab-group-title" }, talk ? "Conversation" : card.prompt, setting);
    this.element.append(h("section", { "data-group": key }, !sorted && heading, !sorted && talk, grid));
    return grid;
  }
}
