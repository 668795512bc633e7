// One view of a widget's model: its traits and messages, typed, and the frame that it draws in.

import type { AnyModel, Host } from "@anywidget/types";
import { fill, h } from "./dom.js";
import { Frame, type Problem, type Timing } from "./frame.js";
import { hear, renderUntil } from "./hearing.js";
import { type Served, servedBy, watchKernel } from "./kernel.js";
import { keepKeys } from "./keys.js";

/** What a widget and its kernel side exchange; the generated `<Name>Wire` of each widget is one. */
export interface Wire {
  readonly name: string;
  readonly traits: { readonly problem: Problem | null; readonly took: Timing | null };
  readonly toKernel: { readonly kind: string };
  readonly fromKernel: { readonly kind: string };
}

type ProblemReply = { readonly kind: "retry" | "dismiss" };

/** One view of a widget's model. Everything it starts ends with `signal`. */
export class View<W extends Wire> {
  readonly frame: Frame;
  readonly signal: AbortSignal;
  readonly host: Host | undefined;
  /** What stands in the place of the kernel, where there is none. */
  readonly served: Served | undefined;
  readonly #model: AnyModel;

  constructor(name: W["name"], model: AnyModel, el: HTMLElement, host: Host | undefined, signal: AbortSignal) {
    this.#model = model;
    this.signal = signal;
    this.host = host;
    this.served = servedBy(model);
    this.frame = new Frame(name, signal, {
      served: this.served,
      onRetry: () => this.send({ kind: "retry" }),
      onDismiss: () => this.send({ kind: "dismiss" }),
    });
    keepKeys(this.frame.root, signal);
    this.watch(["problem"], ({ problem }) => this.frame.drawProblem(problem));
    this.watch(["took"], ({ took }) => this.frame.drawTiming(took));
    el.replaceChildren(this.frame.root);
    void watchKernel(model, signal, (gone) => this.frame.drawKernel(gone));
    void this.hear(this.#model.get("me")).then((comm) => comm?.send({ method: "request_state" }));
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

  /** Call `react` with these traits now and whenever one of them changes. */
  watch<Key extends keyof W["traits"] & string>(
    keys: readonly Key[],
    react: (traits: Pick<W["traits"], Key>) => void,
  ): void {
    const listener = () => react(Object.fromEntries(keys.map((key) => [key, this.get(key)])) as Pick<W["traits"], Key>);
    for (const key of keys) this.#model.on(`change:${key}`, listener);
    this.signal.addEventListener("abort", () => {
      for (const key of keys) this.#model.off(`change:${key}`, listener);
    });
    listener();
  }

  /** Call `react` with each message of the kernel in turn, and `onGap` when some before it never came (a reconnection). */
  listen(react: (message: W["fromKernel"]) => void, onGap: () => void): void {
    let last: number | null = null;
    const listener = (message: W["fromKernel"] & { readonly seq: number }) => {
      if (last !== null && message.seq !== last + 1) onGap();
      last = message.seq;
      react(message);
    };
    this.#model.on("msg:custom", listener);
    this.signal.addEventListener("abort", () => this.#model.off("msg:custom", listener));
  }

  /** Send a message to the kernel. */
  send(message: W["toKernel"] | ProblemReply): void {
    this.#model.send(message);
  }

  /** Have a model hear its kernel though anywidget gave it up; its comm, if it did. */
  hear(id: string): ReturnType<typeof hear> {
    return hear(this.#model.widget_manager, id);
  }

  /** Render a view of a model, which listens until this view ends. */
  renderUntilEnd(id: string, render: () => Promise<void>): Promise<void> {
    return renderUntil(this.signal, this.#model.widget_manager, id, render);
  }

  /** Show the widget with this reference in `place`, in the place of what was there; an empty reference shows none. */
  async embed(reference: string, place: Element): Promise<void> {
    fill(place);
    if (!reference || !this.host) return;
    const el = h("div");
    place.append(el);
    const child = await this.host.getWidget(reference);
    if (el.isConnected) await child.render({ el, signal: this.signal });
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
