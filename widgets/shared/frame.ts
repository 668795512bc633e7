// What surrounds every widget: its root element, the error with its Retry, the kernel notice, the last duration, and toasts.

import { copy } from "./clipboard.js";
import { button, fill, h } from "./dom.js";
import { duration } from "./format.js";
import type { Served } from "./kernel.js";
import { Toasts } from "./toast.js";
import { trans } from "./translation.js";

/** An error to show, with what to do about it. */
export interface Problem {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

/** The last operation and how long it took. */
export interface Timing {
  readonly operation: string;
  readonly milliseconds: number;
  readonly correlation_id: string;
}

interface FrameOptions {
  readonly served?: Served | undefined;
  readonly onRetry: () => void;
  readonly onDismiss: () => void;
}

export class Frame {
  /** The widget's root element, `data-pplab="<name>"`. */
  readonly root: HTMLElement;
  /** Where the widget puts its own elements. */
  readonly body = h("div", { class: "pplab-body" });
  readonly #options: FrameOptions;
  readonly #toasts: Toasts;
  readonly #problem = h("div", { class: "pplab-problem" });
  readonly #kernel = h("div", { class: "pplab-kernel" });
  readonly #timing = h("div", { class: "pplab-timing" });

  constructor(name: string, signal: AbortSignal, options: FrameOptions) {
    this.#options = options;
    this.#toasts = new Toasts(signal);
    this.root = h("div", { class: "pplab-widget", "data-pplab": name });
    this.root.append(this.#kernel, this.#problem, this.body, this.#timing, this.#toasts.element);
  }

  /** Show an error, or none. */
  drawProblem(problem: Problem | null): void {
    if (!problem) {
      fill(this.#problem);
      return;
    }
    const line = h("div", { role: "alert" }, h("strong", {}, problem.message), problem.hint && ` ${problem.hint}`);
    const { served, onRetry } = this.#options;
    const needsKernel = served && problem.code === "needs_kernel";
    const retry = needsKernel
      ? button(served.notebookLabel, () => served.openNotebook())
      : button(trans("Retry"), onRetry);
    const dismiss = button(trans("Dismiss"), this.#options.onDismiss, "quiet");
    const actions = h("div", { class: "pplab-actions" }, retry, dismiss);
    fill(this.#problem, h("div", { class: "pplab-notice", "data-tone": "error" }, line, actions));
  }

  /** Show how long the last operation took; a click copies the command that shows its trace, if it left one. */
  drawTiming(timing: Timing | null): void {
    if (!timing) {
      fill(this.#timing);
      return;
    }
    const command = `%pplab trace ${timing.correlation_id} --full`;
    const words = trans("%1 took %2", timing.operation, duration(timing.milliseconds));
    if (!timing.correlation_id) {
      fill(this.#timing, h("span", { class: "pplab-quiet" }, words));
      return;
    }
    const trace = button(words, () => void this.copy(command, trans("Trace command")), "quiet");
    trace.title = trans("Copy: %1", command);
    fill(this.#timing, trace);
  }

  /** Say whether the kernel is gone; without it the widget takes no input. */
  drawKernel(gone: boolean): void {
    this.root.toggleAttribute("data-kernel-gone", gone);
    this.body.inert = gone;
    const ofKernel = trans("The kernel is gone. What is stored is safe; run this cell again to go on.");
    const words = this.#options.served?.lost ?? ofKernel;
    fill(this.#kernel, gone && h("div", { class: "pplab-notice", role: "status", "data-tone": "warning" }, words));
  }

  /** Show a short message that does not take the focus. */
  toast(words: string): void {
    this.#toasts.show(words);
  }

  /** Copy `text` and say so. */
  async copy(text: string, what: string): Promise<void> {
    const copied = await copy(text);
    this.toast(
      copied ? trans("%1 copied", what) : trans("%1 could not be copied: select it and copy it by hand", what),
    );
  }
}
