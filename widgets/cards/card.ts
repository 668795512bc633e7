// One card: the model's text, sanitised in Python, with its scores and facts.

import { button, fill, h, sanitisedHtml } from "../shared/dom.js";
import { duration, number } from "../shared/format.js";
import type { CardData, CardsTraits, Explained, Scale } from "../shared/generated/cards.js";
import { trans } from "../shared/translation.js";

export interface CardOptions {
  readonly onCopy: (text: string, what: string) => void;
  readonly onExplain: (id: string) => void;
  readonly onRetry: (id: string) => void;
  /** Where calls are sent in a notebook only: opens one. */
  readonly notebook?: { readonly label: string; readonly open: () => void } | undefined;
}

/** What a card shows depends on besides its answer. */
export interface CardContext {
  readonly scales: CardsTraits["scales"];
  /** Whether a failed call can be sent again. */
  readonly retryable: boolean;
}

/** A card in the page. */
export class Card {
  readonly element = h("article", { "data-pplab": "card", class: "pplab-answer" });
  readonly #options: CardOptions;
  readonly #explanation = h("div", { "aria-live": "polite" });
  readonly #why = h("details", {}, h("summary", {}, trans("Why these scores")), this.#explanation);
  #retry: HTMLButtonElement | null = null;
  #id = "";

  constructor(options: CardOptions) {
    this.#options = options;
    this.#why.addEventListener("toggle", () => this.#askWhy());
  }

  /** The id of the response, empty while it is being written. */
  get id(): string {
    return this.#id;
  }

  /** Show a response, new or in the place of the one before; what was unfolded of the same one stays so. */
  draw(card: CardData, context: CardContext): void {
    if (card.id !== this.#id) this.#why.open = false;
    this.#id = card.id;
    fill(this.#explanation);
    this.element.dataset.status = card.status;
    const chips = card.badges.map((badge) => h("span", { class: "pplab-chip", "data-badge": badge }, badge));
    const copy = button(trans("Copy"), () => this.#options.onCopy(card.plain, trans("Answer")), "quiet");
    copy.setAttribute("aria-label", trans("Copy answer %1", card.replicate + 1));
    const head = h("header", {}, h("strong", {}, trans("answer %1", card.replicate + 1)), ...chips, card.plain && copy);
    const reason = this.#reason(card, context.retryable);
    fill(this.element, head, sanitisedHtml(card.html), ...reason, this.#metrics(card, context.scales));
    this.#askWhy();
  }

  /** Show what the scores rest on. */
  explain({ words, parts }: Pick<Explained, "words" | "parts">): void {
    const lists = Object.entries(parts).map(([metric, values]) => {
      const terms = Object.entries(values).map(
        ([name, value]) => `${name.replaceAll("_", " ")} ${value === null ? trans("n/a") : number(value)}`,
      );
      return h("p", {}, h("strong", {}, `${metric}: `), terms.join(", ") || trans("no breakdown"));
    });
    fill(this.#explanation, words && h("p", {}, words), ...lists);
  }

  /** Offer Retry again after a call that could not be sent. */
  enableRetry(): void {
    if (!this.#retry) return;
    this.#retry.disabled = false;
    this.#retry.textContent = trans("Retry");
  }

  #askWhy(): void {
    if (this.#why.open && !this.#explanation.hasChildNodes()) this.#options.onExplain(this.#id);
  }

  #reason({ failed, reason, status, id }: CardData, retryable: boolean): HTMLElement[] {
    this.#retry = null;
    if (status === "ok" || !reason) return [];
    const line = h("div", { class: "pplab-reason", ...(failed ? { role: "alert" } : {}) }, reason);
    if (!failed || !retryable) return [line];
    const { notebook } = this.#options;
    if (notebook) return [line, h("div", { class: "pplab-actions" }, button(notebook.label, notebook.open))];
    const retry = button(trans("Retry"), () => {
      retry.disabled = true;
      retry.textContent = trans("Sending…");
      this.#options.onRetry(id);
    });
    this.#retry = retry;
    return [line, h("div", { class: "pplab-actions" }, retry)];
  }

  #metrics(card: CardData, scales: CardsTraits["scales"]): HTMLElement {
    const bars = Object.entries(card.scores).map(([name, value]) => scoreBar(name, value, scales[name]));
    const unjudged = card.unjudged && h("p", { class: "pplab-quiet" }, card.unjudged);
    const facts = [
      card.input_tokens !== null && trans("%1 tokens in", number(card.input_tokens)),
      card.output_tokens !== null && trans("%1 out", number(card.output_tokens)),
      card.cost !== null && (card.cost ? `$${card.cost.toPrecision(2)}` : trans("free")),
      card.latency_ms !== null && duration(card.latency_ms),
      card.finish_reason && card.finish_reason !== "stop" && trans("finish reason: %1", card.finish_reason),
    ].filter(Boolean);
    const part = h("footer", { "data-pplab": "metrics" });
    fill(part, ...bars, unjudged, h("p", { class: "pplab-quiet" }, facts.join(" · ")), bars.length > 0 && this.#why);
    return part;
  }
}

/** The four scores lie between 0 and 1; a metric of the user's own has a scale, and no meter where an end is unknown. */
const BUILT_IN: Scale = { low: 0, high: 1, higher_is_better: true };

function scoreBar(name: string, value: number | null, own?: Scale): HTMLElement {
  const { low, high, higher_is_better } = own ?? BUILT_IN;
  const named = own ? name : name.replaceAll("_", " ");
  const title = higher_is_better ? named : trans("%1 (lower is better)", named);
  const label = h("span", {}, title);
  if (value === null) return h("div", { class: "pplab-measure" }, label, h("span"), h("span", {}, trans("n/a")));
  const words = own ? number(value) : value.toFixed(2);
  const outside = (low !== null && value < low) || (high !== null && value > high);
  if (low === null || high === null || outside) {
    const shown = outside ? trans("%1 (outside its range, %2)", words, rangeInWords(low, high)) : words;
    return h("div", { class: "pplab-measure" }, label, h("span"), h("span", {}, shown));
  }
  const bar = h("span");
  bar.style.width = `${Math.round(((value - low) / (high - low)) * 100)}%`;
  const measure = own ? name : name.replace(/^.*_/, ""); // the reader's coherence has the colour of coherence
  bar.style.background = `var(--pplab-${measure.replace(/[^a-z0-9-]/gi, "")}, var(--pplab-blue))`;
  const meter = {
    role: "meter",
    "aria-label": title,
    "aria-valuemin": low,
    "aria-valuemax": high,
    "aria-valuenow": value,
  };
  const track = h("span", { class: "pplab-measure-track", ...meter }, bar);
  return h("div", { class: "pplab-measure" }, label, track, h("span", {}, words));
}

function rangeInWords(low: number | null, high: number | null): string {
  if (low === null) return trans("at most %1", high);
  return high === null ? trans("at least %1", low) : trans("%1 to %2", low, high);
}
