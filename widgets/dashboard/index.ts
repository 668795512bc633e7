// The dashboard: filters, tiles, the live figure, and the experiments that can be exported.

import "./style.css";
import { watchAppearance } from "../shared/appearance.js";
import { fill, freshId, h } from "../shared/dom.js";
import { Downloader } from "../shared/download.js";
import type { Board, DashboardWire } from "../shared/generated/dashboard.js";
import { trans } from "../shared/translation.js";
import { type View, widget } from "../shared/view.js";
import { ExportBar } from "./export.js";
import { Filters } from "./filters.js";
import { legend } from "./legend.js";
import { RecentTable } from "./recent.js";
import { settingsTable } from "./settings.js";
import { tiles } from "./tiles.js";

const MIN_WIDTH = 880; // pixels for two panels side by side

class Dashboard {
  readonly #view: View<DashboardWire>;
  readonly #headline = h("p", { class: "pplab-headline", role: "status" });
  readonly #dropped = h("details", { class: "pplab-fold" });
  readonly #tiles = h("ul", { class: "pplab-tiles", "aria-label": trans("Totals") });
  readonly #chart = h("div", { class: "pplab-chart" });
  readonly #legend = h("ul", { class: "pplab-legend", "aria-label": trans("Marks") });
  readonly #table = h("details", { class: "pplab-values" });
  readonly #empty = h("div", { class: "pplab-empty" });
  readonly #note = h("p", { class: "pplab-note", role: "status" });
  readonly #full = h("div", { class: "pplab-full" });
  readonly #announcement = h("div", { class: "pplab-hidden", "aria-live": "polite" });
  readonly #id = freshId("view");
  readonly #downloader: Downloader;
  #count = -1;
  #showFigure: (() => Promise<void>) | undefined;

  constructor(view: View<DashboardWire>) {
    this.#view = view;
    this.#downloader = new Downloader(view.frame.root);
    const filters = new Filters({ onChange: (values) => view.change(values) });
    const recent = new RecentTable({ onSelect: (selected) => view.change({ selected }) });
    const exportBar = new ExportBar({
      formats: view.get("formats"),
      onExport: (format) => view.send({ kind: "export", ids: view.get("selected"), format }),
      onDownload: () => view.send({ kind: "download", view: this.#id }),
    });
    const charts = h("div", { class: "pplab-charts" }, this.#legend, this.#chart);
    this.#full.append(this.#note, charts, this.#table, recent.element, exportBar.element);
    const parts = [
      this.#headline,
      this.#dropped,
      filters.element,
      this.#tiles,
      this.#empty,
      this.#full,
      this.#announcement,
    ];
    view.frame.body.append(h("div", { class: "pplab-dashboard" }, ...parts));
    this.#drawSkeleton();
    view.watch(["headline"], ({ headline }) => {
      this.#headline.textContent = headline;
      this.#headline.hidden = headline === "";
    });
    view.watch(["dropped"], ({ dropped }) => {
      const title = h("summary", {}, trans("Settings that the race asked no further"));
      fill(this.#dropped, title, h("ul", {}, ...dropped.map((words) => h("li", {}, words))));
      this.#dropped.hidden = dropped.length === 0;
    });
    view.watch(["height"], ({ height }) => {
      this.#chart.style.height = `${height}px`;
    });
    const chosen = ["user", "calibration", "model", "search", "comparison", "factor", "source"] as const;
    view.watch(["board", ...chosen], ({ board, ...values }) => filters.draw(board, values));
    view.watch(["board", "selected"], ({ board, selected }) => recent.draw(board.recent, selected));
    view.watch(["selected", "exporting"], (traits) => exportBar.draw(traits));
    view.watch(["board"], ({ board }) => this.#draw(board));
    view.listen(
      (message) => this.#receive(message),
      () => view.send({ kind: "refresh" }),
    );
    view.watch(["figure"], ({ figure }) => void this.#open(figure));
    watchAppearance(view.frame.root, MIN_WIDTH, view.signal, (look) => view.change({ look }));
    if (!view.get("figure")) view.send({ kind: "ready" });
  }

  #draw(board: Board): void {
    const count = board.tiles.experiments;
    this.#view.frame.root.dataset.experiments = String(count);
    fill(this.#tiles, ...tiles(board.tiles));
    fill(this.#empty, board.empty && h("p", { class: "pplab-panel" }, board.empty));
    this.#full.hidden = board.empty !== "";
    this.#note.textContent = board.note;
    this.#note.hidden = board.note === "";
    fill(this.#legend, ...legend(Object.keys(board.settings[0]?.scores ?? {})));
    const open = this.#table.open;
    fill(this.#table, h("summary", {}, trans("Values of the charts")), settingsTable(board));
    this.#table.open = open;
    if (this.#count >= 0 && count !== this.#count) this.#announcement.textContent = trans("Now %1 experiments.", count);
    this.#count = count;
  }

  #drawSkeleton(): void {
    const panels = [1, 2, 3, 4].map(() => h("span", { class: "pplab-skeleton" }));
    fill(
      this.#chart,
      h("div", { class: "pplab-skeletons", role: "img", "aria-label": trans("The charts are loading") }, ...panels),
    );
  }

  async #open(reference: string): Promise<void> {
    if (!reference || !this.#view.host) return;
    const figure = await this.#view.host.getWidget(reference);
    const id = reference.replace("anywidget:", "");
    await this.#view.hear(id);
    this.#showFigure = async () => {
      const el = h("div", { class: "pplab-figure" });
      fill(this.#chart, el);
      await this.#view.renderUntilEnd(id, () => figure.render({ el, signal: this.#view.signal }));
      resizeWith(el, this.#view.signal);
    };
    // What came while plotly was loading is lost, so the kernel sends the whole before it is shown.
    if (!this.#view.signal.aborted) this.#view.send({ kind: "draw", view: this.#id });
  }

  #receive(message: DashboardWire["fromKernel"]): void {
    if (message.view !== this.#id) return;
    if (message.kind === "draw") void this.#showFigure?.();
    else if (this.#downloader.add(message)) this.#view.frame.toast(trans("%1 downloaded", message.name));
  }
}

/** Have plotly fill `el`: by itself it looks at its room only when the window changes its size. */
function resizeWith(el: HTMLElement, signal: AbortSignal): void {
  const sizes = new ResizeObserver(() => window.dispatchEvent(new Event("resize")));
  sizes.observe(el);
  signal.addEventListener("abort", () => sizes.disconnect());
}

export default widget<DashboardWire>("dashboard", (view) => {
  new Dashboard(view);
});
