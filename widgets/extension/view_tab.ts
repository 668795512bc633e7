// One view in a tab: it is opened when the tab is first seen, and ends with it.

import type { Message } from "@lumino/messaging";
import { Widget } from "@lumino/widgets";
import { ServedView, type ServedViewOptions } from "./transport.js";

export class ViewTab extends Widget {
  readonly #options: Omit<ServedViewOptions, "el">;
  #view: ServedView | undefined;

  constructor(options: Omit<ServedViewOptions, "el">) {
    super();
    this.#options = options;
    this.addClass("pplab-view-tab");
    this.node.tabIndex = -1;
  }

  override dispose(): void {
    this.#view?.dispose();
    super.dispose();
  }

  protected override onAfterAttach(_message: Message): void {
    if (this.isVisible) this.#begin();
  }

  protected override onAfterShow(_message: Message): void {
    this.#begin();
  }

  protected override onActivateRequest(_message: Message): void {
    if (!this.node.contains(document.activeElement)) this.node.focus();
  }

  #begin(): void {
    this.#view ??= new ServedView({ ...this.#options, el: this.node });
  }
}
