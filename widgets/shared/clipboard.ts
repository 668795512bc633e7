// Copying text, also where the page is not served over https and has no clipboard of its own.

import { h } from "./dom.js";

/** Copy `text`; return whether that worked. */
export async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const focused = document.activeElement;
    const field = h("textarea", { class: "pplab-hidden", "aria-hidden": "true", tabindex: -1 });
    field.value = text;
    document.body.append(field);
    field.select();
    // Deprecated, and still the only way on plain http, which is how JupyterLab is often reached on a network.
    const copied = document.execCommand("copy");
    field.remove();
    if (focused instanceof HTMLElement) focused.focus();
    return copied;
  }
}
