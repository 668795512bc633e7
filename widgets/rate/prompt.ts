// The prompt of an item; of a long one the beginning, and the rest on request.

import { button, fill, h } from "../shared/dom.js";
import { trans } from "../shared/translation.js";

const LINES = 6;
const CHARACTERS = 600;

export class PromptView {
  readonly element = h("section", { class: "pplab-rate-prompt", "aria-label": trans("Prompt") });
  #drawn: string | undefined;

  /** Show a prompt; one that comes again stays as it is, opened or not. */
  draw(prompt: string): void {
    if (prompt === this.#drawn) return;
    this.#drawn = prompt;
    const text = h("div", { class: "pplab-rate-prompt-text", dir: "auto" }, prompt);
    const isLong = prompt.length > CHARACTERS || prompt.split("\n").length > LINES;
    fill(this.element, h("strong", {}, trans("Prompt")), text, isLong && this.#more(text));
  }

  #more(text: HTMLElement): HTMLButtonElement {
    const more = button("", () => show(text.hasAttribute("data-folded")), "quiet");
    const show = (whole: boolean) => {
      text.toggleAttribute("data-folded", !whole);
      // Opened, it scrolls in a box of its own, which the keyboard has to reach.
      if (whole) text.tabIndex = 0;
      else text.removeAttribute("tabindex");
      more.textContent = whole ? trans("show less") : trans("show more");
      more.setAttribute("aria-expanded", String(whole));
    };
    show(false);
    return more;
  }
}
