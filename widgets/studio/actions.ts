// The buttons of a run: start, pause, go on, cancel.

import { button, h } from "../shared/dom.js";
import type { StudioTraits } from "../shared/generated/studio.js";
import { trans } from "../shared/translation.js";

type State = StudioTraits["state"];

interface ActionsOptions {
  readonly onRun: () => void;
  readonly onPause: () => void;
  readonly onResume: () => void;
  readonly onCancel: () => void;
}

export class Actions {
  readonly element: HTMLElement;
  readonly #run: HTMLButtonElement;
  readonly #pause: HTMLButtonElement;
  readonly #cancel: HTMLButtonElement;
  #state: State = "ready";

  constructor({ onRun, onPause, onResume, onCancel }: ActionsOptions) {
    this.#run = button(trans("Run"), onRun, "primary");
    // One button, so that it keeps the focus when its meaning changes.
    this.#pause = button(trans("Pause"), () => (this.#state === "paused" ? onResume() : onPause()));
    this.#cancel = button(trans("Cancel"), onCancel);
    this.element = h("div", { class: "pplab-actions" }, this.#run, this.#pause, this.#cancel);
  }

  /** Offer what can be done in this state. */
  draw(state: State): void {
    this.#state = state;
    const ready = state === "ready";
    this.#run.disabled = !ready;
    this.#run.textContent = ready ? trans("Run") : state === "starting" ? trans("Starting…") : trans("Running…");
    this.#pause.hidden = this.#cancel.hidden = ready;
    this.#pause.disabled = this.#cancel.disabled = state === "starting";
    this.#pause.textContent = state === "paused" ? trans("Go on") : trans("Pause");
  }
}
