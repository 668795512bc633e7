// Which experiments count, and along which parameter the scores are drawn.

import { fill, h } from "../shared/dom.js";
import { labelled } from "../shared/field.js";
import type { Choice, DashboardTraits } from "../shared/generated/dashboard.js";
import type { DashboardView } from "./index.js";

type Filter = "user" | "calibration" | "model";

const NAMES: Readonly<Record<Filter, string>> = { user: "User", calibration: "Calibration", model: "Model" };

/** One row of choices; each is a trait of the model, so that all views and the notebook's code stay in step. */
export class Filters {
  readonly element = h("div", { class: "pplab-filters", role: "group", "aria-label": "Filters" });

  constructor(view: DashboardView) {
    for (const filter of Object.keys(NAMES) as Filter[]) this.#add(view, filter);
    const parameter = h("select");
    parameter.append(...view.get("parameters").map((name) => h("option", { value: name }, name)));
    parameter.addEventListener("change", () =>
      view.change({ parameter: parameter.value as DashboardTraits["parameter"] }),
    );
    view.on("parameter", (value) => {
      parameter.value = value;
    });
    this.element.append(labelled("Scores by", parameter));
  }

  #add(view: DashboardView, filter: Filter): void {
    const select = h("select");
    const draw = () => {
      const board = view.get("board");
      const known = { user: board.users, calibration: board.calibrations, model: board.models }[filter];
      const chosen = view.get(filter);
      const missing: Choice[] =
        chosen && !known.some((one) => one.value === chosen) ? [{ value: chosen, label: chosen }] : [];
      const choices = [{ value: "", label: "All" }, ...missing, ...known];
      const drawn = JSON.stringify(choices);
      if (select.dataset.drawn !== drawn) {
        fill(select, ...choices.map((one) => h("option", { value: one.value }, one.label)));
        select.dataset.drawn = drawn;
      }
      select.value = chosen ?? "";
    };
    select.addEventListener("change", () => view.change({ [filter]: select.value || null }));
    view.on("board", draw);
    view.on(filter, draw);
    this.element.append(labelled(NAMES[filter], select));
  }
}
