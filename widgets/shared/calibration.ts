// What a calibration holds: scores, ranges, how far each answer moved what, and the persona in its strengths.

import { type AnswerSums, answerTable } from "./answers.js";
import { fill, h } from "./dom.js";
import { number } from "./format.js";
import { type LegalRange, RangeRow } from "./ranges.js";
import { ScoreBar } from "./score.js";
import { trans } from "./translation.js";

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
    const precision = new ScoreBar(trans("Precision"), "blue");
    const personality = new ScoreBar(trans("Personality"), "vermillion");
    precision.draw(facts.precision);
    personality.draw(facts.personality);
    fill(
      this.element,
      h("div", { class: "pplab-scores" }, precision.element, personality.element),
      facts.answered > 0 && h("p", { class: "pplab-quiet" }, confidence(facts)),
      h("div", { class: "pplab-ranges" }, ...this.#ranges(facts)),
      answerTable(this.#axes, facts),
      h("h4", {}, trans("Persona")),
      h("blockquote", { class: "pplab-persona" }, facts.personas.medium),
      persona(trans("Persona, light"), facts.personas.light),
      persona(trans("Persona, strong"), facts.personas.strong),
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

function persona(title: string, words: string | undefined): HTMLElement {
  return h("details", {}, h("summary", {}, title), h("blockquote", { class: "pplab-persona" }, words));
}

function confidence({ confidence: share }: Facts): string {
  const percent = number(share * 100, 0);
  if (share >= 0.95) return trans("Confidence %1 %: the answers agree with each other.", percent);
  return trans("Confidence %1 %: the answers pull in different directions, so more values are worth trying.", percent);
}
