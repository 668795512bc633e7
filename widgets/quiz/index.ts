// The calibration quiz: one question at a time, the preview beside it, and the summary at the end.

import "./style.css";
import { fill, h } from "../shared/dom.js";
import type { QuizWire } from "../shared/generated/quiz.js";
import { type View, widget } from "../shared/view.js";
import { PreviewPanel } from "./preview.js";
import { QuestionPanel } from "./question.js";
import { Summary } from "./summary.js";

export type QuizView = View<QuizWire>;

class Quiz {
  readonly #view: QuizView;
  readonly #main = h("div", { class: "pplab-quiz-main" });
  readonly #side: HTMLElement;
  readonly #below = h("div", { class: "pplab-quiz-below" });
  readonly #question: QuestionPanel;
  readonly #summary: Summary;
  readonly #preview: PreviewPanel;
  #shown = "";

  constructor(view: QuizView) {
    this.#view = view;
    this.#preview = new PreviewPanel(view.get("axes"));
    this.#side = h(
      "section",
      { class: "pplab-panel pplab-quiz-side", "aria-label": "Where your answers lead" },
      this.#preview.element,
    );
    this.#question = new QuestionPanel(view, { back: () => this.#go(-1), next: () => this.#next() });
    this.#summary = new Summary(view, () => this.#go(-1));
    view.body.append(h("div", { class: "pplab-quiz" }, this.#main, this.#side), this.#below);
    view.on("step", () => this.#draw());
    view.on("saved", () => this.#draw());
    view.on("answers", () => this.#drawAnswers());
    view.on("preview", () => this.#drawPreview());
    view.on("problem", (problem) => problem && this.#question.rest());
    view.on("below", (reference) => void this.#open(reference));
  }

  get #last(): number {
    return this.#view.get("questions").length - 1;
  }

  /** The question shown, or one beyond the last for the summary, which needs a stored calibration. */
  get #step(): number {
    const most = this.#view.get("saved") ? this.#last + 1 : this.#last;
    return Math.min(Math.max(this.#view.get("step"), 0), most);
  }

  #go(by: number): void {
    this.#view.change({ step: this.#step + by });
    this.#focus();
  }

  #next(): void {
    if (this.#step < this.#last) {
      this.#go(1);
      return;
    }
    const answers = this.#view.get("answers");
    const missing = this.#view.get("questions").findIndex((question) => !(question.id in answers));
    if (missing >= 0) {
      this.#view.change({ step: missing });
      this.#focus();
      return;
    }
    this.#question.busy();
    this.#view.change({ step: this.#last + 1 });
    this.#view.send({ kind: "finish", answers });
  }

  #draw(): void {
    const step = this.#step;
    const done = step > this.#last;
    const shown = done ? "summary" : `question ${step}`;
    if (shown === this.#shown) return;
    const had = this.#main.contains(this.#main.ownerDocument.activeElement);
    this.#shown = shown;
    this.#side.hidden = done;
    if (done) this.#summary.draw();
    else this.#question.draw(step);
    fill(this.#main, done ? this.#summary.element : this.#question.element);
    this.#drawPreview();
    // The focused element may just have been replaced: it stays in the quiz, and is never taken from elsewhere.
    if (had) this.#focus();
  }

  #focus(): void {
    if (this.#shown === "summary") this.#summary.focus();
    else this.#question.focus();
  }

  #drawAnswers(): void {
    if (this.#shown !== "summary") this.#question.check();
  }

  #drawPreview(): void {
    const preview = this.#view.get("preview");
    const question = this.#view.get("questions")[this.#step];
    this.#preview.show(preview, question);
    if (this.#shown === "summary") this.#summary.draw();
  }

  async #open(reference: string): Promise<void> {
    fill(this.#below);
    if (!reference || !this.#view.host) return;
    const place = h("div");
    this.#below.append(place);
    const child = await this.#view.host.getWidget(reference);
    if (place.isConnected) await child.render({ el: place, signal: this.#view.signal });
  }
}

export default widget<QuizWire>("quiz", (view) => {
  new Quiz(view);
});
