// Which experiments count, which of them the charts compare, along which factor scores are drawn, and whose scores.

import { h } from "../shared/dom.js";
import { labelledControl } from "../shared/field.js";
import type { Board, DashboardTraits } from "../shared/generated/dashboard.js";
import { drawFilter, drawOptions } from "../shared/select.js";
import { trans } from "../shared/translation.js";

type FilterValues = Pick<
  DashboardTraits,
  "user" | "calibration" | "model" | "search" | "comparison" | "factor" | "source"
>;
type FilterOptions = Pick<
  Board,
  "users" | "calibrations" | "models" | "prompt_sets" | "recent" | "factors" | "factor" | "sources" | "source"
>;

interface FiltersOptions {
  readonly onChange: (values: Partial<FilterValues>) => void;
}

export class Filters {
  readonly element = h("div", { class: "pplab-filters", role: "group", "aria-label": trans("Filters") });
  readonly #search = h("input", { type: "search", placeholder: trans("Name, tag or note") });
  readonly #user = h("select");
  readonly #calibration = h("select");
  readonly #model = h("select");
  readonly #comparison = h("select");
  readonly #factor = h("select");
  readonly #source = h("select");
  readonly #ofSource = labelledControl(trans("Scores of"), this.#source);

  constructor({ onChange }: FiltersOptions) {
    this.#search.addEventListener("change", () => onChange({ search: this.#search.value }));
    this.#user.addEventListener("change", () => onChange({ user: this.#user.value || null }));
    this.#calibration.addEventListener("change", () => onChange({ calibration: this.#calibration.value || null }));
    this.#model.addEventListener("change", () => onChange({ model: this.#model.value || null }));
    this.#comparison.addEventListener("change", () => onChange({ comparison: this.#comparison.value || null }));
    this.#factor.addEventListener("change", () => onChange({ factor: this.#factor.value }));
    this.#source.addEventListener("change", () => onChange({ source: this.#source.value }));
    this.element.append(
      labelledControl(trans("Find"), this.#search),
      labelledControl(trans("User"), this.#user),
      labelledControl(trans("Calibration"), this.#calibration),
      labelledControl(trans("Model"), this.#model),
      labelledControl(trans("Compare"), this.#comparison),
      labelledControl(trans("Scores by"), this.#factor),
      this.#ofSource,
    );
  }

  /** Offer what the board knows, and show what is chosen; words that are being typed stay. */
  draw(board: FilterOptions, values: FilterValues): void {
    if (document.activeElement !== this.#search) this.#search.value = values.search;
    drawFilter(this.#user, board.users, values.user);
    drawFilter(this.#calibration, board.calibrations, values.calibration);
    drawFilter(this.#model, board.models, values.model);
    const experiments = board.recent.map(({ id, name, prompt }) => ({
      value: id,
      label: name || `${id.slice(0, 8)}: ${prompt}`,
    }));
    drawFilter(
      this.#comparison,
      [...board.prompt_sets, ...experiments],
      values.comparison,
      trans("The latest prompts"),
    );
    drawOptions(this.#factor, board.factors, board.factor);
    const words = sourceWords();
    drawOptions(
      this.#source,
      board.sources.map((value) => ({ value, label: words[value] ?? value })),
      board.source,
    );
    this.#ofSource.hidden = board.sources.length < 2;
  }
}

/** Return what each source of scores is called. */
function sourceWords(): Readonly<Record<string, string>> {
  return {
    surface: trans("surface"),
    check: trans("checks"),
    reader: trans("reader"),
    judge: trans("judge"),
    person: trans("people"),
  };
}
