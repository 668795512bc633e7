// The recent experiments, each with a box to tick for the export.

import { fill, h } from "../shared/dom.js";
import { number } from "../shared/format.js";
import type { ExperimentSummary } from "../shared/generated/dashboard.js";
import { shortTime } from "../shared/time.js";
import { trans } from "../shared/translation.js";

interface RecentOptions {
  readonly onSelect: (ids: readonly string[]) => void;
}

/** The table; a row that has just arrived comes in with a short motion. */
export class RecentTable {
  readonly element: HTMLElement;
  readonly #options: RecentOptions;
  readonly #body = h("tbody");
  readonly #all = h("input", { type: "checkbox", "aria-label": trans("Select all experiments") });
  #lines: readonly ExperimentSummary[] | undefined;
  #selected: readonly string[] = [];

  constructor(options: RecentOptions) {
    this.#options = options;
    this.#all.addEventListener("change", () => {
      const ids = (this.#lines ?? []).map((line) => line.id);
      options.onSelect(this.#all.checked ? ids : []);
    });
    const columns = [
      trans("Experiment"),
      trans("Status"),
      trans("Usable"),
      trans("Model"),
      trans("User"),
      trans("When"),
    ];
    const heads = columns.map((name) => h("th", { scope: "col" }, name));
    const table = h(
      "table",
      { class: "pplab-table" },
      h("caption", {}, trans("Recent experiments")),
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, this.#all), ...heads)),
      this.#body,
    );
    this.element = h(
      "div",
      { class: "pplab-scroll pplab-recent", role: "region", "aria-label": trans("Recent experiments"), tabindex: 0 },
      table,
    );
  }

  /** Show the experiments and which of them are selected; the same experiments keep their rows. */
  draw(lines: readonly ExperimentSummary[], selected: readonly string[]): void {
    this.#selected = selected;
    if (lines !== this.#lines) this.#drawRows(lines);
    this.#drawTicks();
  }

  /** A box that has the focus keeps it. */
  #drawRows(lines: readonly ExperimentSummary[]): void {
    const focused = this.#body.contains(document.activeElement)
      ? document.activeElement?.getAttribute("data-id")
      : null;
    const before = this.#lines && new Set(this.#lines.map((line) => line.id));
    fill(this.#body, ...lines.map((line) => this.#row(line, before !== undefined && !before.has(line.id))));
    this.#lines = lines;
    if (focused)
      this.#boxes()
        .find((box) => box.dataset.id === focused)
        ?.focus();
  }

  #boxes(): HTMLInputElement[] {
    return [...this.#body.querySelectorAll("input")];
  }

  #drawTicks(): void {
    const selected = new Set(this.#selected);
    const boxes = this.#boxes();
    for (const box of boxes) box.checked = selected.has(box.dataset.id ?? "");
    const ticked = boxes.filter((box) => box.checked).length;
    this.#all.checked = ticked > 0 && ticked === boxes.length;
    this.#all.indeterminate = ticked > 0 && ticked < boxes.length;
  }

  #row(line: ExperimentSummary, isNew: boolean): HTMLElement {
    const name = line.name || line.prompt || trans("(no prompt)");
    const box = h("input", { type: "checkbox", "data-id": line.id, "aria-label": trans("Select %1", name) });
    box.addEventListener("change", () => {
      const others = this.#selected.filter((id) => id !== line.id);
      this.#options.onSelect(box.checked ? [...others, line.id] : others);
    });
    const status = h("span", { class: "pplab-status", "data-status": line.status }, line.status);
    return h(
      "tr",
      { class: isNew && "pplab-fresh", "data-id": line.id },
      h("td", {}, box),
      h("th", { scope: "row", class: "pplab-prompt", title: line.name && line.prompt }, name),
      h("td", {}, status),
      h("td", {}, trans("%1 of %2", number(line.ok), number(line.planned))),
      h("td", {}, line.model),
      h("td", {}, line.user),
      h("td", {}, shortTime(line.at)),
    );
  }
}
