// Where the answers given so far lead: two scores, a range for each parameter, and what the present answer moved.

import { fill, h } from "../shared/dom.js";
import type { Axis, Preview, ShownQuestion } from "../shared/generated/quiz.js";
import { RangeRow } from "../shared/ranges.js";

/** A score from 0 to 100 as a bar. */
export class Score {
  readonly element: HTMLElement;
  readonly #bar = h("span", { class: "pplab-score-bar" });
  readonly #words = h("span", { class: "pplab-range-words" });

  constructor(name: string, colour: string) {
    const track = h("span", { class: "pplab-score-track", "aria-hidden": "true" }, this.#bar);
    this.#bar.style.background = `var(--pplab-${colour})`;
    this.element = h("div", { class: "pplab-range" }, h("span", {}, name), this.#words, track);
  }

  /** Move the bar. */
  show(value: number): void {
    this.#bar.style.width = `${value}%`;
    this.#words.textContent = String(Math.round(value));
  }
}

/** The panel beside the questions; its bars move as answers are given. */
export class PreviewPanel {
  readonly element = h("div", { class: "pplab-preview" });
  readonly #rows = new Map<string, RangeRow>();
  readonly #precision = new Score("Precision", "blue");
  readonly #personality = new Score("Personality", "vermillion");
  readonly #moved = h("div", { class: "pplab-moved", "aria-live": "polite" });

  constructor(axes: readonly Axis[]) {
    for (const axis of axes) this.#rows.set(axis.name, new RangeRow(axis));
    const ranges = [...this.#rows.values()].map((row) => row.element);
    const scores = h("div", { class: "pplab-scores" }, this.#precision.element, this.#personality.element);
    this.element.append(scores, h("div", { class: "pplab-ranges" }, ...ranges), this.#moved);
  }

  /** Show what follows, and what the answer to `question` had to do with it. */
  show(preview: Preview, question: ShownQuestion | undefined): void {
    this.#precision.show(preview.precision);
    this.#personality.show(preview.personality);
    for (const [name, range] of Object.entries(preview.ranges))
      this.#rows.get(name)?.show(range, preview.points[name] ?? []);
    const reasons = preview.reasons.filter((reason) => reason.question === question?.id);
    const sentences = reasons.map((reason) => h("li", {}, withoutQuestion(reason.sentence)));
    const start = preview.answered === 0 && "These ranges are where everyone starts; each answer moves them.";
    fill(
      this.#moved,
      sentences.length > 0 && h("p", {}, "This answer:"),
      sentences.length > 0 && h("ul", {}, ...sentences),
      start,
    );
  }
}

/** The sentence of a reason names the question first, which stands beside it here. */
function withoutQuestion(sentence: string): string {
  const rest = sentence.slice(sentence.lastIndexOf("”: ") + 3);
  return rest.charAt(0).toUpperCase() + rest.slice(1);
}
