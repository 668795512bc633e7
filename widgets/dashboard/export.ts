// The export of the selected experiments: format, progress, success, and the file for the browser.

import { button, fill, h } from "../shared/dom.js";
import { labelled } from "../shared/field.js";
import { number } from "../shared/format.js";
import type { Part } from "../shared/generated/dashboard.js";
import { Saver } from "../shared/save.js";
import type { DashboardView } from "./index.js";

/** The bar below the experiments. */
export class ExportBar {
  readonly element: HTMLElement;
  readonly #view: DashboardView;
  readonly #me: string;
  readonly #saver: Saver;
  readonly #format = h("select");
  readonly #start: HTMLButtonElement;
  readonly #outcome = h("div", { class: "pplab-outcome", role: "status" });

  constructor(view: DashboardView, me: string) {
    this.#view = view;
    this.#me = me;
    this.#saver = new Saver(view.root);
    this.#start = button("Export", () => this.#export(), "primary");
    this.#format.append(...view.get("formats").map((name) => h("option", { value: name }, name)));
    this.element = h("div", { class: "pplab-export" }, labelled("Format", this.#format), this.#start, this.#outcome);
    view.on("selected", () => this.#count());
    view.on("exporting", () => this.#draw());
  }

  /** Take a part of the file that was asked for; one with a missing part is not saved. */
  take(part: Part): void {
    if (part.view === this.#me && this.#saver.take(part)) this.#view.toast(`${part.name} downloaded`);
  }

  #export(): void {
    this.#view.send({ kind: "export", ids: this.#view.get("selected"), format: this.#format.value });
  }

  #count(): void {
    const count = this.#view.get("selected").length;
    this.#start.disabled = count === 0 || this.#view.get("exporting")?.state === "working";
    this.#start.title = count === 0 ? "Tick the experiments to export" : `Export ${number(count)} selected`;
  }

  #draw(): void {
    const exporting = this.#view.get("exporting");
    this.#count();
    if (!exporting) {
      fill(this.#outcome);
      return;
    }
    const working = exporting.state === "working";
    const download = button("Download", () => this.#view.send({ kind: "download", view: this.#me }));
    fill(
      this.#outcome,
      working && h("progress", { "aria-label": exporting.words }),
      h("span", {}, exporting.words),
      !working && download,
    );
  }
}
