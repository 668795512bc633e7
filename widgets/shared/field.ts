// A form control with its name.

import { freshId, h } from "./dom.js";

/** A form control below its name. */
export function labelledControl(name: string, control: HTMLElement): HTMLElement {
  control.id ||= freshId("control");
  control.classList.add("pplab-control");
  return h("div", { class: "pplab-labelled" }, h("label", { for: control.id }, name), control);
}
