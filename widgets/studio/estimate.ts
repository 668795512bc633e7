// What the draft would be as a run: calls, tokens, cost and time in a line, and the details; or why it cannot be sent.

import { fill, h } from "../shared/dom.js";
import type { DraftEstimate } from "../shared/generated/studio.js";
import { trans } from "../shared/translation.js";

export class Estimate {
  readonly line = h("div", { class: "pplab-studio-ahead", role: "status" });
  readonly details = h("details", { class: "pplab-studio-more" });

  draw({ line, more, possible }: Omit<DraftEstimate, "columns">): void {
    this.line.textContent = line;
    this.line.toggleAttribute("data-impossible", !possible && more.length > 0);
    const title = possible ? trans("Details of the estimate") : trans("What to do");
    const sentences = more.map((sentence) => h("p", {}, sentence));
    fill(this.details, sentences.length > 0 && h("summary", {}, title), ...sentences);
  }
}
