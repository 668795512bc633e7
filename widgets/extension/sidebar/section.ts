// A section of the sidebar: a titled widget of JupyterLab's accordion that draws with our parts.

import { Widget } from "@lumino/widgets";
import { button, h } from "../../shared/dom.js";

export class Section extends Widget {
  protected readonly body = h("div", { class: "pplab-section-body" });

  constructor(
    readonly name: string,
    label: string,
  ) {
    super();
    this.title.label = label;
    this.addClass("pplab-widget");
    this.addClass("pplab-section");
    this.node.dataset.section = name;
    this.node.append(this.body);
  }
}

/** What an empty section says: what is so, and what to do about it, if anything. */
export function emptyState(words: string, action?: { readonly label: string; readonly run: () => void }): HTMLElement {
  return h("div", { class: "pplab-empty" }, h("p", {}, words), action && button(action.label, action.run));
}

/** What is wrong, as one line that is read out. */
export function problemLine(words: string): HTMLElement {
  return h("p", { class: "pplab-problem", role: "alert" }, words);
}
