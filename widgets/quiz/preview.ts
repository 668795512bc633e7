// Where the answers given so far lead: two scores, a range for each parameter, and what the present answer changed.

import { fill, h } from "../shared/dom.js";
import type { Axis, Preview } from "../shared/generated/quiz.js";
import { RangeRow } from "../shared/ranges.js";
import { ScoreBar } from "../shared/score.js";
import { trans } from "../shared/translation.js";

interface PreviewOptions {
  readonly axes: readonly Axis[];
}

/** The panel beside the questions; its bars move as answers are given. */
export class PreviewPanel {
  readonly element = h("div", { class: "pplab-preview" });
  readonly #rows = new Map<string, RangeRow>();
  readonly #precision = new ScoreBar(trans("Precision"), "blue");
  readonly #personality = new ScoreBar(trans("Personality"), "vermillion");
  readonly #changes = h("div", { class: "pplab-moved", "aria-live": "polite" });

  constructor({ axes }: PreviewOptions) {
    for (const axis of axes) this.#rows.set(axis.name, new RangeRow(axis));
    const ranges = [...this.#rows.values()].map((row) => row.element);
    const scores = h("div", { class: "pplab-scores" }, this.#precision.element, this.#personality.element);
    this.element.append(scores, h("div", { class: "pplab-ranges" }, ...ranges), this.#changes);
  }

  /** Show what follows from the answers, and what the one to the question with this id had to do with it. */
  draw(preview: Preview, question: string | undefined): void {
    this.#precision.draw(preview.precision);
    this.#personality.draw(preview.personality);
    for (const [name, range] of Object.entries(preview.ranges))
      this.#rows.get(name)?.draw(range, preview.points[name] ?? []);
    const reasons = preview.reasons.filter((reason) => reason.question === question);
    const sentences = reasons.map((reason) => h("li", {}, withoutQuestion(reason.sentence)));
    const start = preview.answered === 0 && trans("These ranges are where everyone starts; each answer moves them.");
    fill(
      this.#changes,
      sentences.length > 0 && h("p", {}, trans("This answer:")),
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
