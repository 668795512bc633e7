// A row of the list of experiments: what was asked, of whom, how it stands and what to use.

import type { TranslationBundle } from "@jupyterlab/translation";
import { fill, h } from "../../shared/dom.js";
import type { Experiment } from "../api.js";
import { dayOrTime, dollars, moment, shortened, statusWord } from "../words.js";

export const ROW_HEIGHT = 72; // px: three lines, of which each is cut rather than wrapped

/** Fill a row; `undefined` is one that is still on its way. */
export function drawExperiment(element: HTMLElement, row: Experiment | undefined, trans: TranslationBundle): void {
  if (!row) {
    delete element.dataset.pplab;
    delete element.dataset.status;
    element.removeAttribute("title");
    fill(element, h("span", { class: "pplab-quiet" }, trans.__("Loading…")));
    return;
  }
  element.dataset.pplab = "experiment-row";
  element.dataset.status = row.status;
  element.dataset.id = row.id;
  const prompt = [row.name, shortened(row.prompt, 200)].filter(Boolean).join(": ");
  const models = row.models.join(", ");
  const outcome = row.verdict || answers(row, trans);
  element.title = [prompt, morePrompts(row, trans), models, moment(row.created_at), outcome].filter(Boolean).join("\n");
  fill(
    element,
    h("span", { class: "pplab-row-prompt" }, prompt || row.id),
    h(
      "span",
      { class: "pplab-row-facts" },
      h("span", { class: "pplab-row-status" }, statusWord(trans, row.status)),
      h("span", { class: "pplab-row-model" }, models),
      h("span", { class: "pplab-row-time" }, dayOrTime(row.created_at)),
    ),
    h("span", { class: "pplab-row-outcome" }, outcome),
  );
}

function answers(row: Experiment, trans: TranslationBundle): string {
  const counted = trans.__("%1 of %2 answers", row.answers, row.planned);
  return row.cost ? `${counted}, ${dollars(trans, row.cost)}` : counted;
}

function morePrompts(row: Experiment, trans: TranslationBundle): string {
  return row.prompts > 1 ? trans.__("and %1 more prompts", row.prompts - 1) : "";
}
