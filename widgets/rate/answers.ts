// The answers of an item, each in a box of its own that scrolls; nothing but the text, as Python sanitised it.

import { h, sanitisedHtml } from "../shared/dom.js";
import { trans } from "../shared/translation.js";

/** Return a view of each answer: one, or the left and the right one. */
export function answerViews(answers: readonly string[]): HTMLElement[] {
  const names = answers.length > 1 ? [trans("Left answer"), trans("Right answer")] : [trans("Answer")];
  return answers.map((html, index) => {
    const name = names[index] ?? "";
    const box = h("div", { class: "pplab-rate-answer", role: "region", tabindex: 0, "aria-label": name });
    box.append(sanitisedHtml(html));
    return h("div", {}, h("strong", { "aria-hidden": "true" }, name), box);
  });
}
