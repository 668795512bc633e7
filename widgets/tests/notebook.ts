// A notebook for tests: the real widget manager and the real anywidget over a comm that a test answers.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as base from "@jupyter-widgets/base";
import { ManagerBase } from "@jupyter-widgets/base-manager";
import { vi } from "vitest";

type State = Record<string, unknown>;
type Listener = (message: unknown) => void;
type Classes = Record<string, unknown>;

let anywidget: Classes = {};
// anywidget is published as an AMD module, which is how notebooks load it.
vi.stubGlobal("define", (_names: string[], factory: (...modules: unknown[]) => Classes) => {
  anywidget = factory(base);
});
// Node imports modules from data URLs, not from blobs.
URL.createObjectURL = (blob) => (blob as unknown as { readonly url: string }).url;
URL.revokeObjectURL = () => undefined;
vi.stubGlobal(
  "Blob",
  class {
    readonly url: string;
    constructor(parts: string[]) {
      this.url = `data:text/javascript;base64,${Buffer.from(parts.join("")).toString("base64")}`;
    }
  },
);
await import("anywidget" as string);

/** The kernel's end of a widget: what the page sent, and a way to answer. */
class Comm {
  readonly comm_id = base.uuid();
  readonly target_name = "jupyter.widget";
  readonly sent: State[] = [];
  #message: Listener | undefined;
  #closed: Listener | undefined;

  async open(): Promise<string> {
    return "";
  }

  send(data: State, callbacks?: { iopub?: { status?: Listener } }): string {
    this.sent.push(structuredClone(data));
    queueMicrotask(() => callbacks?.iopub?.status?.({ content: { execution_state: "idle" } }));
    return "";
  }

  async close(): Promise<string> {
    return "";
  }

  on_msg(listener: Listener): void {
    this.#message = listener;
  }

  on_close(listener: Listener): void {
    this.#closed = listener;
  }

  /** Change traits as the kernel does. */
  async update(state: State): Promise<void> {
    await this.#message?.({ content: { data: { method: "update", state } }, metadata: {} });
  }

  /** Send a custom message as the kernel does. */
  async custom(content: State): Promise<void> {
    await this.#message?.({ content: { data: { method: "custom", content } }, metadata: {} });
  }

  /** Close the model as the kernel does. */
  closed(): void {
    this.#closed?.({ content: {} });
  }
}

class Manager extends ManagerBase {
  protected override async loadClass(name: string, module: string): Promise<never> {
    return ((module === "anywidget" ? anywidget : base) as Classes)[name] as never;
  }

  protected override async _create_comm(): Promise<never> {
    throw new Error("widgets are made by the kernel");
  }

  protected override async _get_comm_info(): Promise<Record<string, never>> {
    return {};
  }
}

/** Make the model of a widget from its bundle, as the kernel does when a cell makes one. */
export async function notebook(name: string, traits: State) {
  const manager = new Manager();
  const comm = new Comm();
  const asset = (suffix: string) =>
    readFileSync(join(import.meta.dirname, `../../pplab/views/widgets/static/${name}.${suffix}`), "utf8");
  const names = { module: "anywidget", module_version: "0.11.0" };
  const state = {
    _model_name: "AnyModel",
    _model_module: names.module,
    _model_module_version: names.module_version,
    _view_name: "AnyView",
    _view_module: names.module,
    _view_module_version: names.module_version,
    _anywidget_id: `test.${name}`,
    _esm: asset("js"),
    _css: asset("css"),
    me: comm.comm_id,
    problem: null,
    took: null,
    ...traits,
  };
  const options = {
    model_name: state._model_name,
    model_module: names.module,
    model_module_version: names.module_version,
    model_id: comm.comm_id,
    comm: comm as never,
  };
  const model = await manager.new_model(options, state as never);
  return {
    comm,
    model,
    manager,
    /** Show the model once more; returns the root of the view and a way to take it away. */
    async show() {
      const view = await manager.create_view(model);
      document.body.append(view.el);
      const root = await vi.waitUntil(() => view.el.querySelector<HTMLElement>(`[data-pplab="${name}"]`));
      return { root, el: view.el as HTMLElement, remove: () => view.remove() };
    },
  };
}

/** Return the button with this name. */
export function button(root: Element, name: string): HTMLButtonElement {
  const match = [...root.querySelectorAll("button")].find((element) => element.textContent === name);
  if (!match)
    throw new Error(`no button ${name} among ${[...root.querySelectorAll("button")].map((b) => b.textContent)}`);
  return match;
}

/** Press a key on an element; return whether the notebook around it would see it. */
export function press(element: Element, key: string, options: KeyboardEventInit = {}): boolean {
  const seen = vi.fn();
  document.addEventListener("keydown", seen);
  element.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...options }));
  document.removeEventListener("keydown", seen);
  return seen.mock.calls.length > 0;
}
