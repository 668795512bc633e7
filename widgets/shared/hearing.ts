// What a model hears of its kernel on a busy machine.

/** The kernel's end of a model. */
interface Comm {
  on_msg(handle: (message: unknown) => unknown): void;
  send(data: { readonly method: "request_state" }): unknown;
}

type Listener = (...values: unknown[]) => unknown;

/** What we use of a model, beyond what anywidget promises; another manager than that of ipywidgets may have none of it. */
interface Model {
  readonly comm?: Comm;
  _handle_comm_msg?(message: unknown): Promise<unknown>;
  on(name: string, listener: Listener, context?: unknown): unknown;
  off(name: string, listener: Listener): unknown;
}

interface Manager {
  get_model(id: string): Promise<Model>;
}

const NOTHING = { content: { data: { method: "" } } };

/**
 * Have a model hear its kernel, and return its comm if it did not.
 *
 * anywidget 0.11 gives a model two seconds to load. Whatever the kernel sends to one that took longer is dropped for good, also
 * when it is shown. Its messages then go by the handler of ipywidgets, past that of anywidget; what was dropped is lost.
 */
export async function hear(manager: unknown, id: string): Promise<Comm | undefined> {
  const model = await (manager as Manager).get_model(id);
  const handle = Object.getPrototypeOf(Object.getPrototypeOf(model) ?? {})?._handle_comm_msg;
  if (!model._handle_comm_msg || !handle) return undefined;
  try {
    await model._handle_comm_msg(NOTHING);
    return undefined;
  } catch {
    model.comm?.on_msg(handle.bind(model));
    return model.comm;
  }
}

/**
 * Render a view of a model, and end with the signal what the view listens to.
 *
 * A view of plotly's listens as if it were the model, which lasts as long as the page does. Once its element is gone its
 * listeners fail, and no view that came after it hears of the change.
 */
export async function renderUntil(
  signal: AbortSignal,
  manager: unknown,
  id: string,
  render: () => Promise<void>,
): Promise<void> {
  const model = await (manager as Manager).get_model(id);
  const on = model.on;
  const listening: [string, Listener][] = [];
  model.on = (name, listener, context) => {
    listening.push([name, listener]);
    return on.call(model, name, listener, context);
  };
  try {
    await render();
  } finally {
    model.on = on;
  }
  signal.addEventListener("abort", () => {
    for (const [name, listener] of listening) model.off(name, listener);
  });
}
