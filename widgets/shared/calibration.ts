// What a calibration holds: scores, ranges, how far each answer moved what, and the persona in its strengths.

import { type AnswerSums, answerTable } from "./answers.js";
import { fill, h } from "./dom.js";
import { number } from "./format.js";
import { type LegalRange, RangeRow } from "./ranges.js";
import { ScoreBar } from "./score.js";

interface Facts extends AnswerSums {
  readonly answered: number;
  readonly confidence: number;
  readonly personas: Readonly<Record<string, string>>;
}

/** Draws a calibration, as the end of the quiz and the view of a stored one show it. */
export class CalibrationFacts {
  readonly element = h("div", { class: "pplab-calibration" });
  readonly #axes: readonly LegalRange[];

  constructor(axes: readonly LegalRange[]) {
    this.#axes = axes;
  }

  /** Show what the answers came to. */
  draw(facts: Facts): void {
    const precision = new ScoreBar("Precision", "blue");
    const personality = new ScoreBar("Personality", "vermillion");
    precision.draw(facts.precision);
    personality.draw(facts.personality);
    fill(
      this.element,
      h("div", { class: "pplab-scores" }, precision.element, personality.element),
      facts.answered > 0 && h("p", { class: "pplab-quiet" }, confidence(facts)),
      h("div", { class: "pplab-ranges" }, ...this.#ranges(facts)),
      answerTable(this.#axes, facts),
      h("h4", {}, "Persona"),
      h("blockquote", { class: "pplab-persona" }, facts.personas.medium),
      ...["light", "strong"].map((strength) =>
        h(
          "details",
          {},
          h("summary", {}, `Persona, ${strength}`),
          h("blockquote", { class: "pplab-persona" }, facts.personas[strength]),
        ),
      ),
    );
  }

  #ranges(facts: Facts): HTMLElement[] {
    return this.#axes.flatMap((axis) => {
      const range = facts.ranges[axis.name];
      if (!range) return [];
      const row = new RangeRow(axis);
      row.draw(range, facts.points[axis.name] ?? []);
      return [row.element];
    });
  }
}

function confidence({ confidence: share }: Facts): string {
  const why = share >= 0.95 ? "agree with each other" : "pull in different directions, so more values are worth trying";
  return `Confidence ${number(share * 100, 0)} %: the answers ${why}.`;
}
