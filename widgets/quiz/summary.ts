// The end of the quiz: what was stored, how far each answer moved what, and the way on.

import { button, fill, freshId, h } from "../shared/dom.js";
import { number } from "../shared/format.js";
import type { Axis, Preview } from "../shared/generated/quiz.js";
import { answerTable } from "./answers.js";
import { ScoreBar } from "./score.js";

interface SummaryOptions {
  readonly axes: readonly Axis[];
  readonly onBack: () => void;
  readonly onProceed: () => void;
  readonly onCopy: (text: string, what: string) => void;
}

/** Shows the stored calibration. */
export class Summary {
  readonly element = h("section", { class: "pplab-panel pplab-summary" });
  readonly #options: SummaryOptions;
  readonly #status = h("div", { class: "pplab-notice", role: "status", "data-tone": "success", tabindex: -1 });
  readonly #content = h("div", { class: "pplab-summary-content" });
  readonly #next = h("div", { class: "pplab-summary-next", "aria-live": "polite" });

  constructor(options: SummaryOptions) {
    this.#options = options;
    const title = freshId("summary");
    this.element.setAttribute("aria-labelledby", title);
    const proceed = button("Proceed to experiment", options.onProceed, "primary");
    const actions = h("div", { class: "pplab-actions" }, button("Back", options.onBack), proceed);
    const heading = h("h3", { id: title }, "Your calibration");
    this.element.append(heading, this.#status, actions, this.#next, this.#content);
  }

  /** Show what the answers came to. */
  draw(preview: Preview): void {
    const words = "The calibration is saved.";
    if (this.#status.textContent !== words) this.#status.textContent = words;
    const precision = new ScoreBar("Precision", "blue");
    const personality = new ScoreBar("Personality", "vermillion");
    precision.draw(preview.precision);
    personality.draw(preview.personality);
    fill(
      this.#content,
      h("div", { class: "pplab-scores" }, precision.element, personality.element),
      h("p", { class: "pplab-quiet" }, confidence(preview)),
      answerTable(this.#options.axes, preview),
      h("h4", {}, "Persona"),
      h("blockquote", { class: "pplab-persona" }, preview.personas.medium),
      ...["light", "strong"].map((strength) =>
        h(
          "details",
          {},
          h("summary", {}, `Persona, ${strength}`),
          h("blockquote", { class: "pplab-persona" }, preview.personas[strength]),
        ),
      ),
    );
  }

  /** Show the code of the cell to go on with, once there is one. */
  drawCell(code: string): void {
    if (!code) {
      fill(this.#next);
      return;
    }
    const copy = button("Copy", () => this.#options.onCopy(code, "Cell"));
    const words = h("p", {}, "Run this in a new cell, with your own prompt:");
    fill(this.#next, words, h("pre", { class: "pplab-code" }, code), h("div", { class: "pplab-actions" }, copy));
  }

  /** Move the focus to the message that it is saved. */
  focus(): void {
    this.#status.focus();
  }
}

function confidence({ confidence: share }: Preview): string {
  const why = share >= 0.95 ? "agree with each other" : "pull in different directions, so more values are worth trying";
  return `Confidence ${number(share * 100, 0)} %: your answers ${why}.`;
}
