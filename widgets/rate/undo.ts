// Taking the last rating back.

import { button, h } from "../shared/dom.js";
import { trans } from "../shared/translation.js";

/** Return the button. */
export function undoButton(onUndo: () => void): HTMLButtonElement {
  const undo = button(`${trans("Undo")} `, onUndo);
  undo.setAttribute("aria-keyshortcuts", "u Backspace");
  undo.append(h("kbd", { "aria-hidden": "true" }, "u"));
  return undo;
}

/** Whether a key takes the last rating back. */
export function isUndo({ key }: KeyboardEvent): boolean {
  return key === "Backspace" || key.toLowerCase() === "u";
}
