// Whether the kernel behind a widget can still answer.

import type { AnyModel } from "@anywidget/types";

interface Signal {
  connect(slot: () => void): boolean;
  disconnect(slot: () => void): boolean;
}

/** What we use of the widget manager, beyond what anywidget promises. Only JupyterLab's has a kernel connection. */
interface Manager {
  get_model(id: string): Promise<{ readonly comm_live: boolean }>;
  readonly kernel?: {
    readonly status: string;
    readonly isDisposed: boolean;
    readonly statusChanged: Signal;
    readonly disposed: Signal;
  } | null;
}

/**
 * Call `tell(true)` once the kernel is gone, and `tell(false)` should it come back.
 *
 * A restart disconnects the model (ipywidgets); a shutdown only ends the kernel connection (JupyterLab).
 */
export async function watchKernel(model: AnyModel, signal: AbortSignal, tell: (gone: boolean) => void): Promise<void> {
  const manager = model.widget_manager as unknown as Manager;
  const whole = await manager.get_model(model.get("me"));
  const connection = manager.kernel ?? null;
  if (signal.aborted) return;
  let known = false;
  const look = () => {
    const ended = connection !== null && (connection.isDisposed || connection.status === "dead");
    const gone = ended || !whole.comm_live;
    if (gone !== known) tell(gone);
    known = gone;
  };
  const later = () => queueMicrotask(look);
  model.on("comm_live_update", look);
  connection?.statusChanged.connect(look);
  connection?.disposed.connect(later);
  signal.addEventListener("abort", () => {
    model.off("comm_live_update", look);
    connection?.statusChanged.disconnect(look);
    connection?.disposed.disconnect(later);
  });
  look();
}
