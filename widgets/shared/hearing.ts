// What a model hears of its kernel on a busy machine.

/** The kernel's end of a model. */
interface Comm {
  on_msg(handle: (message: unknown) => unknown): void;
  send(data: { readonly method: "request_state" }): unknown;
}

/** What we use of a model, beyond what anywidget promises; another manager than that of ipywidgets may have none of it. */
interface Model {
  readonly comm?: Comm;
  _handle_comm_msg?(message: unknown): Promise<unknown>;
}

const NOTHING = { content: { data: { method: "" } } };

/**
 * Have a model hear its kernel, and return its comm if it did not.
 *
 * anywidget 0.11 gives a model two seconds to load. Whatever the kernel sends to one that took longer is dropped for good, also
 * when it is shown. Its messages then go by the handler of ipywidgets, past that of anywidget; what was dropped is lost.
 */
export async function hear(manager: unknown, id: string): Promise<Comm | undefined> {
  const model = await (manager as { get_model(id: string): Promise<Model> }).get_model(id);
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
