// One card: the model's text, sanitised in Python, and what is known about it.

import { button, fill, h, sanitised } from "../shared/dom.js";
import { duration, number } from "../shared/format.js";
import type { Scale, ShownCard } from "../shared/generated/cards.js";
import type { CardsView } from "./index.js";

/** A card in the page. */
export class CardElement {
  readonly element = h("article", { "data-pplab": "card", class: "pplab-answer" });
  readonly #view: CardsView;
  readonly #why = h("div", { "aria-live": "polite" });
  #again: HTMLButtonElement | null = null;
  #card: ShownCard;

  constructor(view: CardsView, card: ShownCard) {
    this.#view = view;
    this.#card = card;
    this.draw(card);
  }

  /** The id of the response, empty while it is being written. */
  get id(): string {
    return this.#card.id;
  }

  /** Show a response, new or in the place of the one before. */
  draw(card: ShownCard): void {
    this.#card = card;
    fill(this.#why);
    this.element.dataset.status = card.status;
    const chips = card.badges.map((badge) => h("span", { class: "pplab-chip", "data-badge": badge }, badge));
    const copy = button("Copy", () => void this.#view.copy(card.plain, "Answer"), "quiet");
    copy.setAttribute("aria-label", `Copy answer ${card.replicate + 1}`);
    const head = h("header", {}, h("strong", {}, `answer ${card.replicate + 1}`), ...chips, card.plain && copy);
    fill(this.element, head, sanitised(card.html), ...this.#reason(), this.#metrics());
  }

  /** Show what the scores rest on. */
  explain(words: string, parts: Readonly<Record<string, Readonly<Record<string, number | null>>>>): void {
    const lists = Object.entries(parts).map(([metric, values]) => {
      const shown = Object.entries(values).map(
        ([name, value]) => `${name.replaceAll("_", " ")} ${value === null ? "n/a" : number(value)}`,
      );
      return h("p", {}, h("strong", {}, `${metric}: `), shown.join(", ") || "no parts");
    });
    fill(this.#why, words && h("p", {}, words), ...lists);
  }

  /** Let it be sent again after all. */
  rest(): void {
    if (!this.#again) return;
    this.#again.disabled = false;
    this.#again.textContent = "Retry";
  }

  #reason(): HTMLElement[] {
    const { failed, reason, status, id } = this.#card;
    this.#again = null;
    if (status === "ok" || !reason) return [];
    const line = h("div", { class: "pplab-reason", ...(failed ? { role: "alert" } : {}) }, reason);
    if (!failed || this.#view.get("state") !== "done") return [line];
    const again = button("Retry", () => {
      again.disabled = true;
      again.textContent = "Sending…";
      this.#view.send({ kind: "resend", id });
    });
    this.#again = again;
    return [line, h("div", { class: "pplab-actions" }, again)];
  }

  #metrics(): HTMLElement {
    const card = this.#card;
    const bars = Object.entries(card.scores).map(([name, value]) => bar(name, value, this.#view.get("scales")[name]));
    const unjudged = card.unjudged && h("p", { class: "pplab-quiet" }, card.unjudged);
    const facts = [
      card.input_tokens !== null && `${number(card.input_tokens)} tokens in`,
      card.output_tokens !== null && `${number(card.output_tokens)} out`,
      card.cost !== null && (card.cost ? `$${card.cost.toPrecision(2)}` : "free"),
      card.latency_ms !== null && duration(card.latency_ms),
      card.finish_reason && card.finish_reason !== "stop" && `ended by ${card.finish_reason}`,
    ].filter(Boolean);
    const why = h("details", {}, h("summary", {}, "Why these scores"), this.#why);
    why.addEventListener("toggle", () => {
      if (why.open && !this.#why.hasChildNodes()) this.#view.send({ kind: "explain", id: card.id });
    });
    const part = h("footer", { "data-pplab": "metrics" });
    fill(part, ...bars, unjudged, h("p", { class: "pplab-quiet" }, facts.join(" · ")), bars.length > 0 && why);
    return part;
  }
}

/** The four scores lie between 0 and 1; a metric of the user's own has a scale, and no meter where an end is unknown. */
const SCORE: Scale = { low: 0, high: 1, higher_is_better: true };

function bar(name: string, value: number | null, own?: Scale): HTMLElement {
  const { low, high, higher_is_better } = own ?? SCORE;
  const title = higher_is_better ? name : `${name} (lower is better)`;
  const label = h("span", {}, title);
  if (value === null) return h("div", { class: "pplab-measure" }, label, h("span"), h("span", {}, "n/a"));
  const shown = own ? number(value) : value.toFixed(2);
  const outside = (low !== null && value < low) || (high !== null && value > high);
  if (low === null || high === null || outside) {
    const range = outside ? ` (outside its range, ${low ?? "any"} to ${high ?? "any"})` : "";
    return h("div", { class: "pplab-measure" }, label, h("span"), h("span", {}, shown + range));
  }
  const filled = h("span");
  filled.style.width = `${Math.round(((value - low) / (high - low)) * 100)}%`;
  filled.style.background = `var(--pplab-${name.replace(/[^a-z0-9-]/gi, "")}, var(--pplab-blue))`;
  const meter = {
    role: "meter",
    "aria-label": title,
    "aria-valuemin": low,
    "aria-valuemax": high,
    "aria-valuenow": value,
  };
  const track = h("span", { class: "pplab-measure-track", ...meter }, filled);
  return h("div", { class: "pplab-measure" }, label, track, h("span", {}, shown));
}
