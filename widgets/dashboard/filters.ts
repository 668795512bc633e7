// Which experiments count, and along which parameter the scores are drawn.

import { h } from "../shared/dom.js";
import { labelledControl } from "../shared/field.js";
import type { Board, DashboardTraits } from "../shared/generated/dashboard.js";
import { drawFilter } from "../shared/select.js";

type FilterValues = Pick<DashboardTraits, "user" | "calibration" | "model" | "parameter">;

interface FiltersOptions {
  readonly parameters: readonly string[];
  readonly onChange: (values: Partial<FilterValues>) => void;
}

export class Filters {
  readonly element = h("div", { class: "pplab-filters", role: "group", "aria-label": "Filters" });
  readonly #user = h("select");
  readonly #calibration = h("select");
  readonly #model = h("select");
  readonly #parameter = h("select");

  constructor({ parameters, onChange }: FiltersOptions) {
    this.#user.addEventListener("change", () => onChange({ user: this.#user.value || null }));
    this.#calibration.addEventListener("change", () => onChange({ calibration: this.#calibration.value || null }));
    this.#model.addEventListener("change", () => onChange({ model: this.#model.value || null }));
    this.#parameter.append(...parameters.map((name) => h("option", { value: name }, name)));
    this.#parameter.addEventListener("change", () =>
      onChange({ parameter: this.#parameter.value as FilterValues["parameter"] }),
    );
    this.element.append(
      labelledControl("User", this.#user),
      labelledControl("Calibration", this.#calibration),
      labelledControl("Model", this.#model),
      labelledControl("Scores by", this.#parameter),
    );
  }

  /** Offer what the board knows, and show what is chosen. */
  draw(board: Pick<Board, "users" | "calibrations" | "models">, values: FilterValues): void {
    drawFilter(this.#user, board.users, values.user);
    drawFilter(this.#calibration, board.calibrations, values.calibration);
    drawFilter(this.#model, board.models, values.model);
    this.#parameter.value = values.parameter;
  }
}
