// Whether the kernel behind a widget can still answer.

import type { AnyModel } from "@anywidget/types";

const DISCONNECTED = "jupyter-widgets-disconnected";

interface Signal {
  connect(slot: () => void): boolean;
  disconnect(slot: () => void): boolean;
}

/** What we use of the kernel connection that JupyterLab's widget manager has; other hosts have none. */
interface Connection {
  readonly status: string;
  readonly isDisposed: boolean;
  readonly statusChanged: Signal;
  readonly disposed: Signal;
}

/**
 * Call `tell(true)` once the kernel is gone, and `tell(false)` should it come back.
 *
 * A restart marks the view as disconnected (ipywidgets); a shutdown only ends the kernel connection (JupyterLab).
 */
export function watchKernel(
  model: AnyModel,
  el: HTMLElement,
  signal: AbortSignal,
  tell: (gone: boolean) => void,
): void {
  const manager: { readonly kernel?: Connection | null } = Object(model.widget_manager);
  const connection = manager.kernel ?? null;
  let known = false;
  const look = () => {
    const ended = connection !== null && (connection.isDisposed || connection.status === "dead");
    const gone = ended || el.classList.contains(DISCONNECTED);
    if (gone !== known) tell(gone);
    known = gone;
  };
  const observer = new MutationObserver(look);
  observer.observe(el, { attributeFilter: ["class"] });
  const later = () => queueMicrotask(look);
  connection?.statusChanged.connect(look);
  connection?.disposed.connect(later);
  signal.addEventListener("abort", () => {
    observer.disconnect();
    connection?.statusChanged.disconnect(look);
    connection?.disposed.disconnect(later);
  });
  look();
}
