// The studio: the form, what it would be as a run, the run, and its cards.

import "./style.css";
import { h } from "../shared/dom.js";
import type { Draft, StudioWire } from "../shared/generated/studio.js";
import { trans } from "../shared/translation.js";
import { type View, widget } from "../shared/view.js";
import { Actions } from "./actions.js";
import { Cell } from "./cell.js";
import { Estimate } from "./estimate.js";
import { Form } from "./form.js";

const TYPING_PAUSE = 300; // ms

class Studio {
  readonly #view: View<StudioWire>;
  readonly #form: Form;
  /** What is edited and not in the draft yet. */
  #edits: Partial<Draft> = {};
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(view: View<StudioWire>) {
    this.#view = view;
    this.#form = new Form({
      knobs: view.get("knobs"),
      others: view.get("others"),
      models: view.get("models"),
      calibrations: view.get("calibrations"),
      embedded: view.get("embedded"),
      onEdit: (part, typing) => this.#edit(part, typing),
    });
    const actions = new Actions({
      onRun: () => view.send({ kind: "run", draft: this.#settle() }),
      onPause: () => view.send({ kind: "pause" }),
      onResume: () => view.send({ kind: "go_on" }),
      onCancel: () => view.send({ kind: "cancel" }),
    });
    const estimate = new Estimate();
    actions.element.append(estimate.line);
    const cell = new Cell({ onCopy: (text, what) => void view.frame.copy(text, what) });
    const panel = h(
      "section",
      { class: "pplab-panel pplab-studio-panel", "aria-label": trans("Experiment studio") },
      this.#form.element,
      actions.element,
      estimate.details,
      cell.element,
    );
    const below = h("div", { class: "pplab-studio-cards" });
    view.frame.body.append(panel, below);
    view.watch(["draft"], () => this.#draw());
    view.watch(["ahead"], ({ ahead }) => {
      estimate.draw(ahead);
      this.#form.drawColumns(ahead.columns);
    });
    view.watch(["offers"], ({ offers }) => this.#form.drawOffers(offers));
    view.watch(["code"], ({ code }) => cell.draw(code));
    view.watch(["state"], ({ state }) => actions.draw(state));
    view.watch(["cards"], ({ cards }) => void view.embed(cards, below));
    view.signal.addEventListener("abort", () => clearTimeout(this.#timer));
  }

  #draw(): void {
    this.#form.draw({ ...this.#view.get("draft"), ...this.#edits });
  }

  /** Take a change over into the draft: what is typed or dragged after a moment, anything else at once. */
  #edit(part: Partial<Draft>, typing: boolean): void {
    this.#edits = { ...this.#edits, ...part };
    clearTimeout(this.#timer);
    if (typing) {
      this.#timer = setTimeout(() => this.#settle(), TYPING_PAUSE);
      this.#draw();
    } else this.#settle();
  }

  /** Put the edits into the draft, and return it. */
  #settle(): Draft {
    clearTimeout(this.#timer);
    const draft = { ...this.#view.get("draft"), ...this.#edits };
    const changed = Object.keys(this.#edits).length > 0;
    this.#edits = {};
    if (changed) this.#view.change({ draft });
    return draft;
  }
}

export default widget<StudioWire>("studio", (view) => {
  new Studio(view);
});
