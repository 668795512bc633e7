// The calibration quiz: one question at a time, the preview beside it, and the summary at the end.

import "./style.css";
import { fill, h } from "../shared/dom.js";
import type { QuizWire } from "../shared/generated/quiz.js";
import { trans } from "../shared/translation.js";
import { type View, widget } from "../shared/view.js";
import { PreviewPanel } from "./preview.js";
import { QuestionPanel } from "./question.js";
import { Summary } from "./summary.js";

class Quiz {
  readonly #view: View<QuizWire>;
  readonly #main = h("div", { class: "pplab-quiz-main" });
  readonly #side: HTMLElement;
  readonly #question: QuestionPanel;
  readonly #summary: Summary;
  readonly #preview: PreviewPanel;
  /** The step that is drawn; -1 before the first one is. */
  #drawnStep = -1;

  constructor(view: View<QuizWire>) {
    this.#view = view;
    const axes = view.get("axes");
    this.#preview = new PreviewPanel({ axes });
    this.#side = h(
      "section",
      { class: "pplab-panel pplab-quiz-side", "aria-label": trans("Where your answers lead") },
      this.#preview.element,
    );
    this.#question = new QuestionPanel({
      onBack: () => this.#go(this.#step - 1),
      onNext: () => this.#next(),
      onAnswer: (question, answer) => view.change({ answers: { ...view.get("answers"), [question]: answer } }),
    });
    this.#summary = new Summary({
      axes,
      onBack: () => this.#go(this.#step - 1),
      onProceed: () => view.send({ kind: "proceed" }),
      onCopy: (text, what) => void view.frame.copy(text, what),
    });
    const below = h("div", { class: "pplab-quiz-below" });
    view.frame.body.append(h("div", { class: "pplab-quiz" }, this.#main, this.#side), below);
    view.watch(["step", "saved"], () => this.#draw());
    view.watch(["answers"], () => this.#drawAnswer());
    view.watch(["preview"], () => this.#drawPreview());
    view.watch(["cell"], ({ cell }) => this.#summary.drawCell(cell));
    view.watch(["problem"], ({ problem }) => problem && this.#question.enable());
    view.watch(["below"], (traits) => void view.embed(traits.below, below));
  }

  get #last(): number {
    return this.#view.get("questions").length - 1;
  }

  /** The question to show, or one beyond the last for the summary, which needs a stored calibration. */
  get #step(): number {
    const most = this.#view.get("saved") ? this.#last + 1 : this.#last;
    return Math.min(Math.max(this.#view.get("step"), 0), most);
  }

  get #isSummary(): boolean {
    return this.#drawnStep > this.#last;
  }

  #go(step: number): void {
    this.#view.change({ step });
    this.#focus();
  }

  #next(): void {
    if (this.#step < this.#last) {
      this.#go(this.#step + 1);
      return;
    }
    const answers = this.#view.get("answers");
    const missing = this.#view.get("questions").findIndex((question) => !(question.id in answers));
    if (missing >= 0) {
      this.#go(missing);
      return;
    }
    this.#question.drawSaving();
    this.#view.change({ step: this.#last + 1 });
    this.#view.send({ kind: "finish", answers });
  }

  #draw(): void {
    const step = this.#step;
    if (step === this.#drawnStep) return;
    const hadFocus = this.#main.contains(this.#main.ownerDocument.activeElement);
    this.#drawnStep = step;
    this.#side.hidden = this.#isSummary;
    const questions = this.#view.get("questions");
    const question = questions[step];
    if (question) {
      const answer = this.#view.get("answers")[question.id];
      this.#question.draw({ question, index: step, count: questions.length, answer });
    }
    fill(this.#main, this.#isSummary ? this.#summary.element : this.#question.element);
    this.#drawPreview();
    // The focused element may just have been replaced: it stays in the quiz, and is never taken from elsewhere.
    if (hadFocus) this.#focus();
  }

  #focus(): void {
    if (this.#isSummary) this.#summary.focus();
    else this.#question.focus();
  }

  #drawAnswer(): void {
    const question = this.#view.get("questions")[this.#drawnStep];
    if (question) this.#question.drawAnswer(this.#view.get("answers")[question.id]);
  }

  #drawPreview(): void {
    const preview = this.#view.get("preview");
    this.#preview.draw(preview, this.#view.get("questions")[this.#drawnStep]?.id);
    if (this.#isSummary) this.#summary.draw(preview);
  }
}

export default widget<QuizWire>("quiz", (view) => {
  new Quiz(view);
});
