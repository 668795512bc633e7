// The studio: the form, what it would be as a run, the run, and its cards.

import "./style.css";
import { button, fill, h } from "../shared/dom.js";
import type { Draft, StudioWire } from "../shared/generated/studio.js";
import { type View, widget } from "../shared/view.js";
import { Form } from "./form.js";

export type StudioView = View<StudioWire>;

const TYPING_PAUSE = 300;

class Studio {
  readonly #view: StudioView;
  readonly #form: Form;
  readonly #line = h("div", { class: "pplab-studio-ahead", role: "status" });
  readonly #more = h("details", { class: "pplab-studio-more" });
  readonly #code = h("pre", { class: "pplab-code", tabindex: 0, "aria-label": "The same as a cell" });
  readonly #below = h("div", { class: "pplab-studio-cards" });
  readonly #run = button("Run", () => this.#start(), "primary");
  readonly #pause = button("Pause", () => this.#hold());
  readonly #cancel = button("Cancel", () => this.#view.send({ kind: "cancel" }));
  #typed: Partial<Draft> = {};
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(view: StudioView) {
    this.#view = view;
    this.#form = new Form(view, (part, typing) => this.#edit(part, typing));
    const copy = button("Copy", () => void view.copy(view.get("code"), "Cell"), "quiet");
    copy.setAttribute("aria-label", "Copy the cell");
    const code = h(
      "details",
      { class: "pplab-studio-more" },
      h("summary", {}, "The same as a cell"),
      h("div", { class: "pplab-studio-code" }, this.#code, copy),
    );
    const actions = h("div", { class: "pplab-actions" }, this.#run, this.#pause, this.#cancel, this.#line);
    const panel = h(
      "section",
      { class: "pplab-panel pplab-studio-panel", "aria-label": "Experiment studio" },
      this.#form.element,
      actions,
      this.#more,
      code,
    );
    view.body.append(panel, this.#below);
    view.on("draft", (draft) => this.#form.show({ ...draft, ...this.#typed }));
    view.on("ahead", () => this.#drawAhead());
    view.on("code", (words) => {
      this.#code.textContent = words;
    });
    view.on("state", () => this.#drawState());
    view.on("cards", (reference) => void this.#open(reference));
    view.signal.addEventListener("abort", () => clearTimeout(this.#timer));
  }

  /** Take a change over into the draft: what is typed or dragged after a moment, anything else at once. */
  #edit(part: Partial<Draft>, typing: boolean): void {
    this.#typed = { ...this.#typed, ...part };
    clearTimeout(this.#timer);
    if (typing) {
      this.#timer = setTimeout(() => this.#settle(), TYPING_PAUSE);
      this.#form.show({ ...this.#view.get("draft"), ...this.#typed });
    } else this.#settle();
  }

  #settle(): Draft {
    clearTimeout(this.#timer);
    const draft = { ...this.#view.get("draft"), ...this.#typed };
    const changed = Object.keys(this.#typed).length > 0;
    this.#typed = {};
    if (changed) this.#view.change({ draft });
    return draft;
  }

  #start(): void {
    this.#view.send({ kind: "run", draft: this.#settle() });
  }

  #hold(): void {
    this.#view.send({ kind: this.#view.get("state") === "paused" ? "go_on" : "pause" });
  }

  #drawState(): void {
    const state = this.#view.get("state");
    const ready = state === "ready";
    this.#run.disabled = !ready;
    this.#run.textContent = ready ? "Run" : state === "starting" ? "Starting…" : "Running…";
    this.#pause.hidden = this.#cancel.hidden = ready;
    this.#pause.disabled = this.#cancel.disabled = state === "starting";
    this.#pause.textContent = state === "paused" ? "Go on" : "Pause";
  }

  #drawAhead(): void {
    const { line, more, possible, columns } = this.#view.get("ahead");
    this.#line.textContent = line;
    this.#line.toggleAttribute("data-impossible", !possible && more.length > 0);
    const words = more.map((sentence) => h("p", {}, sentence));
    const title = possible ? "What to expect, and what it can show" : "What to do";
    fill(this.#more, words.length > 0 && h("summary", {}, title), ...words);
    this.#form.showColumns(columns);
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

export default widget<StudioWire>("studio", (view) => {
  new Studio(view);
});
