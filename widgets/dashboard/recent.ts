// The recent experiments, each with a box to tick for the export.

import { fill, h } from "../shared/dom.js";
import { number } from "../shared/format.js";
import type { ExperimentLine } from "../shared/generated/dashboard.js";
import { moment } from "../shared/time.js";
import type { DashboardView } from "./index.js";

const HEADS = ["Experiment", "Status", "Usable", "Model", "User", "When"];

/** The table; a row that has just arrived comes in with a short motion. */
export class RecentTable {
  readonly element: HTMLElement;
  readonly #view: DashboardView;
  readonly #body = h("tbody");
  readonly #all = h("input", { type: "checkbox", "aria-label": "Select all experiments" });
  #seen: Set<string> | undefined;

  constructor(view: DashboardView) {
    this.#view = view;
    this.#all.addEventListener("change", () => {
      const ids = view.get("board").recent.map((line) => line.id);
      view.change({ selected: this.#all.checked ? ids : [] });
    });
    const heads = HEADS.map((name) => h("th", { scope: "col" }, name));
    const table = h(
      "table",
      { class: "pplab-table" },
      h("caption", {}, "Recent experiments"),
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, this.#all), ...heads)),
      this.#body,
    );
    this.element = h(
      "div",
      { class: "pplab-scroll pplab-recent", role: "region", "aria-label": "Recent experiments", tabindex: 0 },
      table,
    );
    view.on("selected", () => this.#tick());
  }

  /** Draw the rows of the present board; a box that has the focus keeps it. */
  draw(): void {
    const lines = this.#view.get("board").recent;
    const focused = this.#body.contains(document.activeElement)
      ? document.activeElement?.getAttribute("data-id")
      : null;
    const seen = this.#seen;
    fill(this.#body, ...lines.map((line) => this.#row(line, seen !== undefined && !seen.has(line.id))));
    this.#seen = new Set(lines.map((line) => line.id));
    this.#tick();
    if (focused)
      this.#boxes()
        .find((box) => box.dataset.id === focused)
        ?.focus();
  }

  #boxes(): HTMLInputElement[] {
    return [...this.#body.querySelectorAll("input")];
  }

  #tick(): void {
    const selected = new Set(this.#view.get("selected"));
    const boxes = this.#boxes();
    for (const box of boxes) box.checked = selected.has(box.dataset.id ?? "");
    const ticked = boxes.filter((box) => box.checked).length;
    this.#all.checked = ticked > 0 && ticked === boxes.length;
    this.#all.indeterminate = ticked > 0 && ticked < boxes.length;
  }

  #row(line: ExperimentLine, fresh: boolean): HTMLElement {
    const name = line.prompt || "(no prompt)";
    const box = h("input", { type: "checkbox", "data-id": line.id, "aria-label": `Select ${name}` });
    box.addEventListener("change", () => {
      const others = this.#view.get("selected").filter((id) => id !== line.id);
      this.#view.change({ selected: box.checked ? [...others, line.id] : others });
    });
    const status = h("span", { class: "pplab-status", "data-status": line.status }, line.status);
    return h(
      "tr",
      { class: fresh && "pplab-fresh", "data-id": line.id },
      h("td", {}, box),
      h("th", { scope: "row", class: "pplab-prompt" }, name),
      h("td", {}, status),
      h("td", {}, `${number(line.ok)} of ${number(line.planned)}`),
      h("td", {}, line.model),
      h("td", {}, line.user),
      h("td", {}, moment(line.at)),
    );
  }
}
