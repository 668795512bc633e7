// What every widget starts from: a frame with error, kernel and duration lines, and typed access to its model.

import type { AnyModel, Host } from "@anywidget/types";
import { copy } from "./clipboard.js";
import { button, fill, h } from "./dom.js";
import { duration } from "./format.js";
import { watchKernel } from "./kernel.js";
import { keepKeys } from "./keys.js";
import { Toasts } from "./toast.js";

interface Problem {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

interface Took {
  readonly operation: string;
  readonly milliseconds: number;
  readonly correlation_id: string;
}

/** What a widget and its kernel side exchange; the generated `<Name>Wire` of each widget is one. */
export interface Wire {
  readonly name: string;
  readonly traits: { readonly problem: Problem | null; readonly took: Took | null };
  readonly toKernel: { readonly kind: string };
  readonly fromKernel: { readonly kind: string };
}

type Retried = { readonly kind: "retry" | "dismiss" };

/** One view of a widget's model. Everything it starts ends with `signal`. */
export class View<W extends Wire> {
  /** The widget's root element, `data-pplab="<name>"`. */
  readonly root: HTMLElement;
  /** Where the widget puts its own elements. */
  readonly body = h("div", { class: "pplab-body" });
  readonly signal: AbortSignal;
  readonly host: Host | undefined;
  readonly #model: AnyModel;
  readonly #toasts: Toasts;
  readonly #problem = h("div", { class: "pplab-problem" });
  readonly #kernel = h("div", { class: "pplab-kernel" });
  readonly #took = h("div", { class: "pplab-took" });

  constructor(name: W["name"], model: AnyModel, el: HTMLElement, host: Host | undefined, signal: AbortSignal) {
    this.#model = model;
    this.signal = signal;
    this.host = host;
    this.#toasts = new Toasts(signal);
    this.root = h("div", { class: "pplab-widget", "data-pplab": name });
    this.root.append(this.#kernel, this.#problem, this.body, this.#took, this.#toasts.element);
    keepKeys(this.root, signal);
    this.on("problem", () => this.#drawProblem());
    this.on("took", () => this.#drawTook());
    el.replaceChildren(this.root);
    void watchKernel(model, signal, (gone) => this.#drawKernel(gone));
  }

  /** Return the value of a trait. */
  get<Key extends keyof W["traits"] & string>(key: Key): W["traits"][Key] {
    return this.#model.get(key) as W["traits"][Key];
  }

  /** Change traits because the user did something. Never call it in answer to a change. */
  change(values: Partial<W["traits"]>): void {
    for (const [key, value] of Object.entries(values)) this.#model.set(key, value);
    this.#model.save_changes();
  }

  /** Call `react` now and whenever the trait changes. */
  on<Key extends keyof W["traits"] & string>(key: Key, react: (value: W["traits"][Key]) => void): void {
    const listener = () => react(this.get(key));
    this.#model.on(`change:${key}`, listener);
    this.signal.addEventListener("abort", () => this.#model.off(`change:${key}`, listener));
    listener();
  }

  /** Call `react` with each message of the kernel in turn, and `missed` when some before it never came (a reconnection). */
  listen(react: (message: W["fromKernel"]) => void, missed: () => void): void {
    let last: number | null = null;
    const listener = (message: W["fromKernel"] & { readonly seq: number }) => {
      if (last !== null && message.seq !== last + 1) missed();
      last = message.seq;
      react(message);
    };
    this.#model.on("msg:custom", listener);
    this.signal.addEventListener("abort", () => this.#model.off("msg:custom", listener));
  }

  /** Send a message to the kernel. */
  send(message: W["toKernel"] | Retried): void {
    this.#model.send(message);
  }

  /** Show a short message that does not take the focus. */
  toast(words: string): void {
    this.#toasts.show(words);
  }

  /** Copy `text` and say so. */
  async copy(text: string, what: string): Promise<void> {
    this.toast((await copy(text)) ? `${what} copied` : `${what} could not be copied: select it and copy it by hand`);
  }

  #drawProblem(): void {
    const problem = this.get("problem");
    if (!problem) {
      fill(this.#problem);
      return;
    }
    const again = () => this.send({ kind: "retry" });
    const line = h("div", { role: "alert" }, h("strong", {}, problem.message), problem.hint && ` ${problem.hint}`);
    const close = button("Dismiss", () => this.send({ kind: "dismiss" }), "quiet");
    const actions = h("div", { class: "pplab-actions" }, button("Retry", again), close);
    fill(this.#problem, h("div", { class: "pplab-notice", "data-tone": "error" }, line, actions));
  }

  #drawTook(): void {
    const took = this.get("took");
    if (!took) {
      fill(this.#took);
      return;
    }
    const line = `%pplab trace ${took.correlation_id} --full`;
    const trace = button(
      `${took.operation} took ${duration(took.milliseconds)}`,
      () => this.copy(line, "Trace command"),
      "quiet",
    );
    trace.title = `Copy: ${line}`;
    fill(this.#took, trace);
  }

  #drawKernel(gone: boolean): void {
    this.root.toggleAttribute("data-kernel-gone", gone);
    this.body.inert = gone;
    const words = "The kernel is gone. What is stored is safe; run this cell again to go on.";
    fill(this.#kernel, gone && h("div", { class: "pplab-notice", role: "status", "data-tone": "warning" }, words));
  }
}

interface RenderContext {
  readonly model: AnyModel;
  readonly el: HTMLElement;
  readonly host?: Host;
}

/** Return what anywidget loads: `draw` is called for each view, and whatever it started ends when the view does. */
export function widget<W extends Wire>(name: W["name"], draw: (view: View<W>) => void) {
  return {
    render({ model, el, host }: RenderContext): () => void {
      const ending = new AbortController();
      draw(new View<W>(name, model, el, host, ending.signal));
      return () => ending.abort();
    },
  };
}
