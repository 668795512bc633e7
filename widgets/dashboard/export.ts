// The export of the selected experiments: format, progress, success and download.

import { button, fill, h } from "../shared/dom.js";
import { labelledControl } from "../shared/field.js";
import { number } from "../shared/format.js";
import type { DashboardTraits, Exporting } from "../shared/generated/dashboard.js";
import { trans } from "../shared/translation.js";

interface ExportOptions {
  readonly formats: readonly string[];
  readonly onExport: (format: string) => void;
  readonly onDownload: () => void;
}

/** The bar below the experiments. */
export class ExportBar {
  readonly element: HTMLElement;
  readonly #options: ExportOptions;
  readonly #export: HTMLButtonElement;
  readonly #outcome = h("div", { class: "pplab-outcome", role: "status" });
  #exporting: Exporting | null = null;

  constructor(options: ExportOptions) {
    this.#options = options;
    const format = h("select");
    format.append(...options.formats.map((name) => h("option", { value: name }, name)));
    this.#export = button(trans("Export"), () => options.onExport(format.value), "primary");
    this.element = h(
      "div",
      { class: "pplab-export" },
      labelledControl(trans("Format"), format),
      this.#export,
      this.#outcome,
    );
  }

  /** Show how many are selected and what became of the export; the same outcome is not read out twice. */
  draw({ selected, exporting }: Pick<DashboardTraits, "selected" | "exporting">): void {
    const count = selected.length;
    this.#export.disabled = count === 0 || exporting?.state === "working";
    this.#export.title =
      count === 0 ? trans("Tick the experiments to export") : trans("Export %1 selected", number(count));
    if (exporting !== this.#exporting) this.#drawOutcome(exporting);
    this.#exporting = exporting;
  }

  #drawOutcome(exporting: Exporting | null): void {
    if (!exporting) {
      fill(this.#outcome);
      return;
    }
    const working = exporting.state === "working";
    fill(
      this.#outcome,
      working && h("progress", { "aria-label": exporting.words }),
      h("span", {}, exporting.words),
      !working && button(trans("Download"), this.#options.onDownload),
    );
  }
}
