// One question: its options as radio buttons, the way back and forth, and how far the quiz has come.

import { button, fill, freshId, h } from "../shared/dom.js";
import type { QuizOption, QuizQuestion } from "../shared/generated/quiz.js";
import { trans } from "../shared/translation.js";

type Answer = QuizOption["value"];

interface QuestionOptions {
  readonly onBack: () => void;
  readonly onNext: () => void;
  readonly onAnswer: (question: string, answer: Answer) => void;
}

interface QuestionData {
  readonly question: QuizQuestion;
  readonly index: number;
  readonly count: number;
  readonly answer: Answer | undefined;
}

/** Shows one question at a time; which one is decided outside. */
export class QuestionPanel {
  readonly element = h("section", { class: "pplab-panel pplab-question", "aria-label": trans("Question") });
  readonly #options: QuestionOptions;
  readonly #back: HTMLButtonElement;
  readonly #forward: HTMLButtonElement;
  readonly #hint = h("p", { class: "pplab-question-hint", "aria-live": "polite" });
  readonly #position = h("p", { class: "pplab-quiet" });
  readonly #bar = h("span", { class: "pplab-progress-bar" });
  readonly #content = h("div", { class: "pplab-question-content" });
  #question: QuizQuestion | undefined;
  #inputs: HTMLInputElement[] = [];
  #isLast = false;

  constructor(options: QuestionOptions) {
    this.#options = options;
    this.#back = button(trans("Back"), options.onBack);
    this.#forward = button(trans("Next"), () => this.#next(), "primary");
    const progress = h("div", { class: "pplab-progress", "aria-hidden": "true" }, this.#bar);
    const actions = h("div", { class: "pplab-actions" }, this.#back, this.#forward, this.#hint);
    this.element.append(this.#position, progress, this.#content, actions);
    this.element.addEventListener("keydown", (event) => this.#key(event));
  }

  /** Show a question, ready for an answer. */
  draw({ question, index, count, answer }: QuestionData): void {
    this.#question = question;
    this.#isLast = index === count - 1;
    const [title, help, group] = [freshId("question"), freshId("help"), freshId("answer")];
    this.#inputs = question.options.map(({ value }) => {
      const input = h("input", { type: "radio", name: group, value });
      input.addEventListener("change", () => this.#options.onAnswer(question.id, value));
      return input;
    });
    const options = question.options.map((option, at) =>
      h("label", { class: "pplab-option" }, this.#inputs[at], h("span", {}, option.label)),
    );
    fill(
      this.#content,
      h("h3", { id: title }, question.text),
      h("p", { id: help, class: "pplab-quiet" }, question.help),
      h(
        "div",
        { role: "radiogroup", class: "pplab-options", "aria-labelledby": title, "aria-describedby": help },
        ...options,
      ),
    );
    this.#position.textContent = trans("Question %1 of %2", index + 1, count);
    this.#bar.style.width = `${((index + 1) / count) * 100}%`;
    this.#back.disabled = index === 0;
    this.enable();
    this.drawAnswer(answer);
  }

  /** Mark the answer given, in this view or another one. */
  drawAnswer(answer: Answer | undefined): void {
    for (const [index, input] of this.#inputs.entries())
      input.checked = this.#question?.options[index]?.value === answer;
    if (answer !== undefined) this.#hint.textContent = "";
  }

  /** Move the focus to the answer given, or to the first one. */
  focus(): void {
    (this.#inputs.find((input) => input.checked) ?? this.#inputs[0])?.focus();
  }

  /** Say that the answers are being stored. */
  drawSaving(): void {
    this.#forward.textContent = trans("Saving…");
    this.#forward.setAttribute("aria-disabled", "true");
  }

  /** Be ready for an answer, at first or after the answers could not be stored. */
  enable(): void {
    this.#forward.textContent = this.#isLast ? trans("Finish") : trans("Next");
    this.#forward.removeAttribute("aria-disabled");
    this.#hint.textContent = "";
  }

  #next(): void {
    if (this.#forward.hasAttribute("aria-disabled")) return;
    if (this.#inputs.some((input) => input.checked)) {
      this.#options.onNext();
      return;
    }
    this.#hint.textContent = trans("Choose one of the answers first.");
    this.focus();
  }

  /** A digit chooses the option at that place, Enter on an option goes on. */
  #key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || !(event.target instanceof HTMLInputElement)) return;
    const input = this.#inputs[Number(event.key) - 1];
    if (event.key === "Enter") this.#next();
    else if (input) input.focus();
    else return;
    event.preventDefault();
    if (event.key !== "Enter") input?.click();
  }
}
