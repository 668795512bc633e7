// One run under way: how far it is, and the orders it can be given. It is changed in place, so that a focused button stays.

import type { TranslationBundle } from "@jupyterlab/translation";
import { button, fill, h } from "../../shared/dom.js";
import type { Order } from "../api.js";
import type { LabRun } from "../labs.js";
import { modelWords, moment, progress, shortened, statusWord, timeLeft } from "../words.js";

export interface RunCardOptions {
  readonly trans: TranslationBundle;
  onOrder(run: LabRun, order: Order): Promise<void>;
  onOpen(run: LabRun): void;
  onResume(run: LabRun): void;
}

export class RunCard {
  readonly element: HTMLElement;
  private readonly prompt: HTMLButtonElement;
  private readonly bar = h("progress", { class: "pplab-run-bar" });
  private readonly words = h("span", { class: "pplab-run-words" });
  private readonly about = h("p", { class: "pplab-quiet" });
  private readonly problem = h("p", { class: "pplab-problem", role: "alert", hidden: true });
  private readonly pause: HTMLButtonElement;
  private readonly goOn: HTMLButtonElement;
  private readonly cancel: HTMLButtonElement;
  private readonly resume: HTMLButtonElement;
  private ordering = false;

  constructor(
    private run: LabRun,
    private readonly options: RunCardOptions,
  ) {
    const { trans } = options;
    this.prompt = h("button", { type: "button", class: "pplab-run-prompt", onclick: () => options.onOpen(this.run) });
    this.pause = button(trans.__("Pause"), () => void this.order("pause"));
    this.goOn = button(trans.__("Go on"), () => void this.order("go_on"));
    this.cancel = button(trans.__("Cancel"), () => void this.order("cancel"));
    this.resume = button(trans.__("Resume"), () => options.onResume(this.run));
    const actions = h("div", { class: "pplab-actions" }, this.pause, this.goOn, this.cancel, this.resume);
    const progressed = h("div", { class: "pplab-run-progress" }, this.bar, this.words);
    this.element = h("li", { class: "pplab-run" }, this.prompt, progressed, this.about, actions, this.problem);
    this.update(run);
  }

  update(run: LabRun): void {
    this.run = run;
    const { trans } = this.options;
    const died = run.status === "interrupted";
    const prompt = shortened(run.prompt, 200) || trans.__("Experiment %1", run.id);
    this.element.dataset.status = run.status;
    fill(this.prompt, prompt);
    this.prompt.title = trans.__("Open its results: %1", prompt);
    this.bar.max = Math.max(1, run.planned);
    this.bar.value = run.done;
    this.bar.setAttribute("aria-label", trans.__("Progress of %1", shortened(run.prompt, 40)));
    fill(this.words, progress(trans, run));
    fill(this.about, this.facts(run));
    this.pause.hidden = died || !run.own || run.status === "paused";
    this.goOn.hidden = died || !run.own || run.status !== "paused";
    this.cancel.hidden = died || !run.own;
    this.resume.hidden = !died || !run.own;
  }

  /** What else there is to know: "qwen3:8b at local, running, 3 failed, about 5 min left". */
  private facts(run: LabRun): string {
    const { trans } = this.options;
    const facts = [
      modelWords(trans, run.model, run.endpoint),
      this.state(run),
      run.failed ? trans.__("%1 failed", run.failed) : "",
      this.left(run),
      run.own ? "" : trans.__("another user's"),
    ];
    return facts.filter(Boolean).join(", ");
  }

  private state({ status, until }: LabRun): string {
    const { trans } = this.options;
    if (status === "interrupted") return trans.__("its process has ended");
    return status === "waiting" && until
      ? trans.__("waiting for the server until %1", moment(until))
      : statusWord(trans, status);
  }

  private left({ status, rate, planned, done }: LabRun): string {
    if (status !== "running" || !rate || planned <= done) return "";
    return timeLeft(this.options.trans, (planned - done) / rate);
  }

  private async order(order: Order): Promise<void> {
    if (this.ordering) return;
    this.ordering = true;
    this.problem.hidden = true;
    this.element.setAttribute("aria-busy", "true");
    try {
      await this.options.onOrder(this.run, order);
    } catch (error) {
      fill(this.problem, error instanceof Error ? error.message : String(error));
      this.problem.hidden = false;
    } finally {
      this.ordering = false;
      this.element.removeAttribute("aria-busy");
    }
  }
}
