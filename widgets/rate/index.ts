// The rating form: an item at a time, its choices by mouse or key, and what the ratings say at the end.

import "./style.css";
import { fill, h } from "../shared/dom.js";
import type { RatingFormWire } from "../shared/generated/rate.js";
import { type View, widget } from "../shared/view.js";
import { End } from "./end.js";
import { RatingGroup } from "./group.js";
import { Progress } from "./progress.js";

class RatingForm {
  readonly #view: View<RatingFormWire>;
  readonly #progress: Progress;
  readonly #group: RatingGroup;
  readonly #end: End;
  readonly #main = h("div");
  /** Whether a message is on its way, and until the kernel has answered it no other one may be. */
  #waiting = false;

  constructor(view: View<RatingFormWire>) {
    this.#view = view;
    const { root, body } = view.frame;
    this.#progress = new Progress(view.get("total"));
    this.#group = new RatingGroup({
      question: view.get("question"),
      stopping: view.get("stopping"),
      choices: view.get("choices"),
      onRate: (choice, note) => this.#send({ kind: "rate", number: this.#number, choice, note }),
      onUndo: () => this.#undo(),
    });
    this.#end = new End({ onUndo: () => this.#undo() });
    body.append(h("div", { class: "pplab-panel pplab-rate" }, this.#progress.element, this.#main));
    root.tabIndex = -1; // so that a click anywhere in it keeps the next key from the notebook
    root.addEventListener("focus", () => this.#focus());
    view.watch(["standing"], () => this.#draw());
    let failed = false;
    view.watch(["problem"], ({ problem }) => {
      if (problem) this.#wait(false);
      else if (failed && document.activeElement === document.body) this.#focus(); // it was on Dismiss
      failed = problem !== null;
    });
  }

  get #number(): number {
    return this.#view.get("standing").item?.number ?? 0;
  }

  #undo(): void {
    if (this.#view.get("standing").last) this.#send({ kind: "undo", number: this.#number });
  }

  #send(message: RatingFormWire["toKernel"]): void {
    if (this.#waiting || this.#view.frame.body.inert) return;
    this.#wait(true);
    this.#view.send(message);
  }

  #wait(waiting: boolean): void {
    this.#waiting = waiting;
    this.#group.drawWaiting(waiting);
  }

  #draw(): void {
    const standing = this.#view.get("standing");
    const hadFocus = this.#view.frame.root.contains(document.activeElement);
    this.#progress.draw(standing);
    if (standing.item) this.#group.draw(standing.item, standing.last);
    else this.#end.draw({ ...standing, total: this.#view.get("total") });
    fill(this.#main, standing.item ? this.#group.element : this.#end.element);
    this.#wait(false);
    // The focused element may just have been replaced: the focus stays in the form, and is never taken from elsewhere.
    if (hadFocus) this.#focus();
  }

  #focus(): void {
    if (this.#view.get("standing").item) this.#group.focus();
    else this.#end.focus();
  }
}

export default widget<RatingFormWire>("rate", (view) => {
  new RatingForm(view);
});
