// One question: its options as radio buttons, the way back and forth, and how far the quiz has come.

import { button, fill, freshId, h } from "../shared/dom.js";
import type { QuizView } from "./index.js";

interface Ways {
  readonly back: () => void;
  readonly next: () => void;
}

/** Shows one question at a time; which one is decided outside. */
export class QuestionPanel {
  readonly element = h("section", { class: "pplab-panel pplab-question", "aria-label": "Question" });
  readonly #view: QuizView;
  readonly #next: () => void;
  readonly #back: HTMLButtonElement;
  readonly #forward: HTMLButtonElement;
  readonly #hint = h("p", { class: "pplab-question-hint", "aria-live": "polite" });
  readonly #count = h("p", { class: "pplab-quiet" });
  readonly #done = h("span", { class: "pplab-progress-done" });
  readonly #content = h("div", { class: "pplab-question-content" });
  #inputs: HTMLInputElement[] = [];
  #step = 0;

  constructor(view: QuizView, ways: Ways) {
    this.#view = view;
    this.#next = ways.next;
    this.#back = button("Back", ways.back);
    this.#forward = button("Next", () => this.#advance(), "primary");
    const progress = h("div", { class: "pplab-progress", "aria-hidden": "true" }, this.#done);
    const actions = h("div", { class: "pplab-actions" }, this.#back, this.#forward, this.#hint);
    this.element.append(this.#count, progress, this.#content, actions);
    this.element.addEventListener("keydown", (event) => this.#key(event));
  }

  /** Show the question at this position. */
  draw(step: number): void {
    const questions = this.#view.get("questions");
    const question = questions[step];
    if (!question) return;
    this.#step = step;
    const [title, help, group] = [freshId("question"), freshId("help"), freshId("answer")];
    this.#inputs = question.options.map((option) => {
      const input = h("input", { type: "radio", name: group, value: option.value });
      input.addEventListener("change", () => this.#choose(option.value));
      return input;
    });
    const options = question.options.map((option, index) =>
      h("label", { class: "pplab-option" }, this.#inputs[index], h("span", {}, option.label)),
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
    this.#count.textContent = `Question ${step + 1} of ${questions.length}`;
    this.#done.style.width = `${((step + 1) / questions.length) * 100}%`;
    this.#back.disabled = step === 0;
    this.rest();
    this.check();
  }

  /** Mark the answer given. */
  check(): void {
    const question = this.#view.get("questions")[this.#step];
    const answer = question && this.#view.get("answers")[question.id];
    for (const [index, input] of this.#inputs.entries()) input.checked = question?.options[index]?.value === answer;
    if (answer !== undefined) this.#hint.textContent = "";
  }

  /** Move the focus to the answer given, or to the first one. */
  focus(): void {
    (this.#inputs.find((input) => input.checked) ?? this.#inputs[0])?.focus();
  }

  /** Say that the answers are being stored. */
  busy(): void {
    this.#forward.textContent = "Saving…";
    this.#forward.setAttribute("aria-disabled", "true");
  }

  /** Take the answer again. */
  rest(): void {
    this.#forward.textContent = this.#step === this.#view.get("questions").length - 1 ? "Finish" : "Next";
    this.#forward.removeAttribute("aria-disabled");
    this.#hint.textContent = "";
  }

  #choose(value: string | number): void {
    const question = this.#view.get("questions")[this.#step];
    if (question) this.#view.change({ answers: { ...this.#view.get("answers"), [question.id]: value } });
  }

  #advance(): void {
    if (this.#forward.hasAttribute("aria-disabled")) return;
    if (this.#inputs.some((input) => input.checked)) {
      this.#next();
      return;
    }
    this.#hint.textContent = "Choose one of the answers first.";
    this.focus();
  }

  /** A digit chooses the option at that place, Enter on an option goes on. */
  #key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || !(event.target instanceof HTMLInputElement)) return;
    const input = this.#inputs[Number(event.key) - 1];
    if (event.key === "Enter") this.#advance();
    else if (input) input.focus();
    else return;
    event.preventDefault();
    if (event.key !== "Enter") input?.click();
  }
}
