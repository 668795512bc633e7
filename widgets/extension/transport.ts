// A view's model over a WebSocket of the server, in the place of ipywidgets' model over a kernel's comm.

import type { AnyModel, Host } from "@anywidget/types";
import type { IDisposable } from "@lumino/disposable";
import { button, fill, h } from "../shared/dom.js";
import type { Served } from "../shared/kernel.js";
import { type Figure, Figures, type LoadPlotly } from "./figures.js";

type Values = Record<string, unknown>;

/** What is wrong, and what to do. */
interface Failure {
  readonly message: string;
  readonly hint: string;
}
// biome-ignore lint/suspicious/noExplicitAny: anywidget's type of a listener
type Listener = (...values: any[]) => void;

/** What the server says. */
type ServerFrame =
  | { readonly kind: "state"; readonly values: Values }
  | { readonly kind: "custom"; readonly content: unknown }
  | { readonly kind: "figure"; readonly reference: string; readonly figure: Figure }
  | ({ readonly kind: "error" } & Failure);

/** What a view says. */
type ViewFrame =
  | { readonly kind: "update"; readonly values: Values }
  | { readonly kind: "custom"; readonly content: unknown };

/** The traits of one widget in the server, with anywidget's interface. A changed trait is told of once all of them are set. */
export class ServedModel implements AnyModel {
  readonly widget_manager: AnyModel["widget_manager"];
  /** What the user chose so far, which a new connection begins with. */
  readonly chosen: Values = {};
  #live = true;
  readonly #values: Values;
  readonly #send: (frame: ViewFrame) => void;
  readonly #listeners = new Map<string, Set<Listener>>();
  readonly #unsaved = new Set<string>();

  constructor(values: Values, served: Served, send: (frame: ViewFrame) => void) {
    this.#values = { ...values };
    this.#send = send;
    const state = () => this.#live;
    const widgetModel = {
      get comm_live() {
        return state();
      },
    };
    const manager = { served, get_model: async () => widgetModel };
    this.widget_manager = manager as unknown as AnyModel["widget_manager"];
  }

  get(key: string): unknown {
    return this.#values[key];
  }

  set(key: string, value: unknown): void {
    if (same(this.#values[key], value)) return;
    this.#unsaved.add(key);
    this.#assign({ [key]: value });
  }

  save_changes(): void {
    const values = Object.fromEntries([...this.#unsaved].map((key) => [key, this.#values[key]]));
    this.#unsaved.clear();
    Object.assign(this.chosen, values);
    if (Object.keys(values).length) this.#send({ kind: "update", values });
  }

  on(event: string, listener: Listener): void {
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners.add(listener));
  }

  off(event?: string | null, listener?: Listener | null): void {
    for (const [name, listeners] of this.#listeners) {
      if (event && event !== name) continue;
      if (listener) listeners.delete(listener);
      else listeners.clear();
    }
  }

  send(content: unknown): void {
    this.#send({ kind: "custom", content });
  }

  /** Take what the server says about this widget. */
  receive(frame: ServerFrame): void {
    if (frame.kind === "state") this.#assign(frame.values);
    else if (frame.kind === "custom") this.#emit("msg:custom", frame.content, []);
  }

  /** Tell the view that the server does not answer. */
  lose(): void {
    this.#live = false;
    this.#emit("comm_live_update");
  }

  #assign(values: Values): void {
    const changed = Object.keys(values).filter((key) => !same(this.#values[key], values[key]));
    Object.assign(this.#values, values);
    for (const key of changed) this.#emit(`change:${key}`, this, values[key]);
    if (changed.length) this.#emit("change", this);
  }

  #emit(event: string, ...values: unknown[]): void {
    for (const listener of [...(this.#listeners.get(event) ?? [])]) listener(...values);
  }
}

/** Whether two JSON values are equal. */
function same(a: unknown, b: unknown): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}

/** What a view's bundle exports, see `widget` in shared/view.ts. */
export interface ViewBundle {
  readonly default: {
    render(context: { readonly model: AnyModel; readonly el: HTMLElement; readonly host: Host }): () => void;
  };
}

export interface ServedViewOptions {
  /** Where the view is drawn. */
  readonly el: HTMLElement;
  /** Open the socket. */
  readonly connect: () => WebSocket;
  /** Say why the socket could not be opened, where the server says so. */
  readonly explain: () => Promise<Failure | null>;
  /** Load what draws the view. */
  readonly load: () => Promise<ViewBundle>;
  readonly loadPlotly: LoadPlotly;
  readonly served: Served;
  readonly words: { readonly opening: string; readonly failed: string; readonly retry: string };
}

const FIRST_PAUSE = 500; // ms before a lost connection is made again; doubled each time up to LONGEST_PAUSE
const LONGEST_PAUSE = 15_000;

/**
 * A view that the server serves: it is drawn when the server has said how things stand, and drawn anew, with what the user chose,
 * whenever a lost connection stands again.
 */
export class ServedView implements IDisposable {
  isDisposed = false;
  readonly #options: ServedViewOptions;
  readonly #figures: Figures;
  #socket: WebSocket | undefined;
  #model: ServedModel | undefined;
  #end: (() => void) | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #pause = FIRST_PAUSE;

  constructor(options: ServedViewOptions) {
    this.#options = options;
    this.#figures = new Figures(options.loadPlotly, options.words.failed);
    this.#note(options.words.opening);
    this.#connect();
  }

  dispose(): void {
    if (this.isDisposed) return;
    this.isDisposed = true;
    clearTimeout(this.#timer);
    this.#socket?.close();
    this.#end?.();
  }

  #connect(): void {
    const socket = this.#options.connect();
    const frames: ServerFrame[] = []; // those that come before the code of the view has loaded
    let model: ServedModel | undefined;
    this.#socket = socket;
    socket.onmessage = ({ data }) => {
      const frame = JSON.parse(data as string) as ServerFrame;
      if (this.isDisposed || socket !== this.#socket) return;
      this.#pause = FIRST_PAUSE;
      if (frame.kind === "error") this.#fail(frame);
      else if (frame.kind === "figure") this.#figures.receive(frame.reference, frame.figure);
      else if (model) model.receive(frame);
      else if (frames.push(frame) === 1) {
        const begun = this.#begin(frame, socket).then((begun) => {
          model = begun;
          for (const later of frames.splice(0).slice(1)) model?.receive(later);
        });
        begun.catch((error: unknown) => this.#fail({ message: this.#options.words.failed, hint: String(error) }));
      }
    };
    socket.onclose = () => {
      if (this.isDisposed || socket !== this.#socket) return;
      if (this.#model) this.#model.lose();
      else void this.#explain(socket);
      this.#timer = setTimeout(() => this.#connect(), this.#pause);
      this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE);
    };
  }

  async #begin(frame: ServerFrame, socket: WebSocket): Promise<ServedModel | undefined> {
    const bundle = await this.#options.load();
    if (this.isDisposed || socket !== this.#socket || frame.kind !== "state") return undefined;
    const chosen = this.#model?.chosen ?? {};
    const send = (sent: ViewFrame) => {
      if (socket.readyState === 1) socket.send(JSON.stringify(sent));
    };
    const model = new ServedModel({ ...frame.values, ...chosen }, this.#options.served, send);
    Object.assign(model.chosen, chosen);
    if (Object.keys(chosen).length) send({ kind: "update", values: chosen });
    this.#end?.();
    this.#model = model;
    const host = { getWidget: async (reference: string) => this.#figures.widget(reference) } as unknown as Host;
    this.#end = bundle.default.render({ model, el: this.#options.el, host });
    return model;
  }

  async #explain(socket: WebSocket): Promise<void> {
    this.#note(this.#options.served.lost);
    const failure = await this.#options.explain();
    if (failure && !this.isDisposed && socket === this.#socket) this.#fail(failure);
  }

  /** Say what is wrong where the view would be; the connection is made again when the user asks. */
  #fail({ message, hint }: Failure): void {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close();
    this.#end?.();
    this.#end = this.#model = undefined;
    const retry = button(this.#options.words.retry, () => {
      this.#note(this.#options.words.opening);
      this.#connect();
    });
    const line = h("div", { role: "alert" }, h("strong", {}, message), hint && ` ${hint}`);
    const notice = h("div", { class: "pplab-notice", "data-tone": "error" }, line, h("div", {}, retry));
    fill(this.#options.el, h("div", { class: "pplab-widget" }, notice));
  }

  #note(words: string): void {
    fill(this.#options.el, h("div", { class: "pplab-view-note", role: "status" }, words));
  }
}
