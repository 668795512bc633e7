// Whether the kernel behind a widget can still answer.

import type { AnyModel } from "@anywidget/types";

interface Signal {
  connect(slot: () => void): boolean;
  disconnect(slot: () => void): boolean;
}

/** What a view has in the place of a kernel where the server itself serves it. */
export interface Served {
  /** What to say while the server does not answer. */
  readonly lost: string;
  /** What a button says that opens a notebook, for what needs a kernel. */
  readonly notebookLabel: string;
  /** Open a notebook with this view in it, and a kernel for it. */
  openNotebook(): void;
}

/** What we use of the widget manager, beyond what anywidget promises. Only JupyterLab's has a kernel connection. */
interface Manager {
  get_model(id: string): Promise<{ readonly comm_live: boolean }>;
  readonly served?: Served;
  readonly kernel?: {
    readonly status: string;
    readonly isDisposed: boolean;
    readonly statusChanged: Signal;
    readonly disposed: Signal;
  } | null;
}

/** What stands in the place of the kernel of a view, if something does. */
export function servedBy(model: AnyModel): Served | undefined {
  return (model.widget_manager as unknown as Manager).served;
}

/**
 * Call `onChange(true)` once the kernel is gone, and `onChange(false)` should it come back.
 *
 * A restart disconnects the model (ipywidgets); a shutdown only ends the kernel connection (JupyterLab).
 */
export async function watchKernel(
  model: AnyModel,
  signal: AbortSignal,
  onChange: (gone: boolean) => void,
): Promise<void> {
  const manager = model.widget_manager as unknown as Manager;
  const widgetModel = await manager.get_model(model.get("me"));
  const connection = manager.kernel ?? null;
  if (signal.aborted) return;
  let wasGone = false;
  const check = () => {
    const ended = connection !== null && (connection.isDisposed || connection.status === "dead");
    const gone = ended || !widgetModel.comm_live;
    if (gone !== wasGone) onChange(gone);
    wasGone = gone;
  };
  const checkLater = () => queueMicrotask(check);
  model.on("comm_live_update", check);
  connection?.statusChanged.connect(check);
  connection?.disposed.connect(checkLater);
  signal.addEventListener("abort", () => {
    model.off("comm_live_update", check);
    connection?.statusChanged.disconnect(check);
    connection?.disposed.disconnect(checkLater);
  });
  check();
}
