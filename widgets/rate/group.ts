// One item with everything that can be done about it: a choice, a note, taking the last choice back.

import { fill, freshId, h } from "../shared/dom.js";
import type { Choice, ShownItem } from "../shared/generated/rate.js";
import { trans } from "../shared/translation.js";
import { answerViews } from "./answers.js";
import { Choices } from "./choices.js";
import { Note } from "./note.js";
import { PromptView } from "./prompt.js";
import { isUndo, undoButton } from "./undo.js";

interface RatingGroupOptions {
  readonly question: string;
  readonly stopping: string;
  readonly choices: readonly Choice[];
  readonly onRate: (choice: string, note: string) => void;
  readonly onUndo: () => void;
}

/** Takes the focus as a whole, so that its keys work from item to item. */
export class RatingGroup {
  readonly element: HTMLElement;
  readonly #options: RatingGroupOptions;
  readonly #prompt = new PromptView();
  readonly #answers = h("div", { class: "pplab-rate-answers" });
  readonly #choices: Choices;
  readonly #note = new Note({ onLeave: () => this.focus() });
  readonly #undo: HTMLButtonElement;
  readonly #last = h("span", { class: "pplab-quiet" });
  readonly #saving = h("span", { class: "pplab-quiet pplab-rate-saving" });
  /** The notes of this view by the item's number: one comes back with its item. */
  readonly #notes = new Map<number, string>();
  #number = 0;

  constructor(options: RatingGroupOptions) {
    this.#options = options;
    this.#choices = new Choices(options.choices, (choice) => this.#rate(choice));
    this.#undo = undoButton(options.onUndo);
    const question = freshId("question");
    const asked = h("p", { id: question }, options.question, " ");
    asked.append(h("span", { class: "pplab-quiet" }, options.stopping));
    const group = { role: "group", tabindex: -1, "aria-label": trans("Rating"), "aria-describedby": question };
    this.element = h(
      "div",
      { class: "pplab-rate-group", ...group },
      asked,
      this.#prompt.element,
      this.#answers,
      this.#choices.element,
      h("div", { class: "pplab-actions" }, this.#undo, this.#note.opener, this.#last, this.#saving),
      this.#note.element,
    );
    this.element.addEventListener("keydown", (event) => this.#key(event));
  }

  /** Show an item, and which choice was made last. */
  draw(item: ShownItem, last: string): void {
    this.#number = item.number;
    this.#prompt.draw(item.prompt);
    fill(this.#answers, ...answerViews(item.answers));
    this.#note.draw(this.#notes.get(item.number) ?? "");
    this.#undo.disabled = !last;
    const label = this.#options.choices.find(({ value }) => value === last)?.label;
    this.#last.textContent = label ? trans("last: %1", label) : "";
  }

  /** Say whether the last choice is on its way to the disk; until it has arrived there is no other. */
  drawWaiting(waiting: boolean): void {
    this.element.setAttribute("aria-busy", String(waiting));
    this.#choices.enable(!waiting);
    this.#saving.textContent = waiting ? trans("Saving…") : "";
  }

  /** Move the focus to the group, from where every key works. */
  focus(): void {
    this.element.focus();
  }

  #rate(choice: string): void {
    this.#notes.set(this.#number, this.#note.text);
    this.#options.onRate(choice, this.#note.text);
  }

  /** A key that is held down acts once: the next item has not been read yet. */
  #key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target instanceof HTMLTextAreaElement) return;
    const choice = this.#choices.withKey(event.key);
    if (!choice && !isUndo(event) && event.key.toLowerCase() !== "n") return;
    event.preventDefault();
    if (event.repeat) return;
    if (choice) this.#rate(choice);
    else if (isUndo(event)) this.#options.onUndo();
    else this.#note.open();
  }
}
