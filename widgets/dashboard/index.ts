// The dashboard: filters, tiles, the live figure, and the experiments that can be exported.

import "./style.css";
import { fill, freshId, h } from "../shared/dom.js";
import type { DashboardWire } from "../shared/generated/dashboard.js";
import { watchSurroundings } from "../shared/surroundings.js";
import { type View, widget } from "../shared/view.js";
import { ExportBar } from "./export.js";
import { Filters } from "./filters.js";
import { RecentTable } from "./recent.js";
import { settingsTable } from "./settings.js";
import { tiles } from "./tiles.js";

export type DashboardView = View<DashboardWire>;

const ROOM = 880; // pixels for two panels side by side

class Dashboard {
  readonly #view: DashboardView;
  readonly #tiles = h("ul", { class: "pplab-tiles", "aria-label": "Totals" });
  readonly #chart = h("div", { class: "pplab-chart" });
  readonly #legend = h("ul", { class: "pplab-legend", "aria-label": "Marks" });
  readonly #table = h("details", { class: "pplab-values" });
  readonly #empty = h("div", { class: "pplab-empty" });
  readonly #full = h("div", { class: "pplab-full" });
  readonly #said = h("div", { class: "pplab-hidden", "aria-live": "polite" });
  readonly #recent: RecentTable;
  readonly #export: ExportBar;
  readonly #me = freshId("view");
  #counted = -1;
  #show: (() => Promise<void>) | undefined;

  constructor(view: DashboardView) {
    this.#view = view;
    this.#recent = new RecentTable(view);
    const filters = new Filters(view);
    this.#export = new ExportBar(view, this.#me);
    const charts = h("div", { class: "pplab-charts" }, this.#legend, this.#chart);
    this.#full.append(charts, this.#table, this.#recent.element, this.#export.element);
    view.body.append(
      h("div", { class: "pplab-dashboard" }, filters.element, this.#tiles, this.#empty, this.#full, this.#said),
    );
    this.#drawSkeleton();
    view.on("height", (height) => {
      this.#chart.style.height = `${height}px`;
    });
    view.on("board", () => this.#draw());
    view.listen(
      (message) => this.#hear(message),
      () => view.send({ kind: "refresh" }),
    );
    view.on("figure", (reference) => void this.#open(reference));
    watchSurroundings(view.root, ROOM, view.signal, (look) => view.change({ look: { ...look } }));
    if (!view.get("figure")) view.send({ kind: "ready" });
  }

  #draw(): void {
    const board = this.#view.get("board");
    const count = board.tiles.experiments;
    this.#view.root.dataset.experiments = String(count);
    fill(this.#tiles, ...tiles(board.tiles));
    fill(this.#empty, board.empty && h("p", { class: "pplab-panel" }, board.empty));
    this.#full.hidden = board.empty !== "";
    fill(this.#legend, ...Object.keys(board.settings[0]?.scores ?? {}).map(entry));
    const open = this.#table.open;
    fill(this.#table, h("summary", {}, "Values of the charts"), settingsTable(board));
    this.#table.open = open;
    this.#recent.draw();
    if (this.#counted >= 0 && count !== this.#counted) this.#said.textContent = `Now ${count} experiments.`;
    this.#counted = count;
  }

  #drawSkeleton(): void {
    const panels = [1, 2, 3, 4].map(() => h("span", { class: "pplab-skeleton" }));
    fill(
      this.#chart,
      h("div", { class: "pplab-skeletons", role: "img", "aria-label": "The charts are loading" }, ...panels),
    );
  }

  async #open(reference: string): Promise<void> {
    if (!reference || !this.#view.host) return;
    const figure = await this.#view.host.getWidget(reference);
    this.#show = async () => {
      const place = h("div", { class: "pplab-figure" });
      fill(this.#chart, place);
      await figure.render({ el: place, signal: this.#view.signal });
      keepFilled(place, this.#view.signal);
    };
    // Differences that came while plotly was loading are lost, so the kernel sends the whole before it is shown.
    if (!this.#view.signal.aborted) this.#view.send({ kind: "draw", view: this.#me });
  }

  #hear(message: DashboardWire["fromKernel"]): void {
    if (message.kind === "part") this.#export.take(message);
    else if (message.view === this.#me) void this.#show?.();
  }
}

/** Have plotly fill `place`: by itself it looks at its room only when the window changes its size. */
function keepFilled(place: HTMLElement, signal: AbortSignal): void {
  const sizes = new ResizeObserver(() => window.dispatchEvent(new Event("resize")));
  sizes.observe(place);
  signal.addEventListener("abort", () => sizes.disconnect());
}

/** One metric in the legend, by the colour and the shape that it has in the charts. */
function entry(metric: string, index: number): HTMLElement {
  const mark = h("span", { class: `pplab-mark pplab-mark-${index % 4}`, style: `background: var(--pplab-${metric})` });
  return h("li", {}, mark, metric);
}

export default widget<DashboardWire>("dashboard", (view) => {
  new Dashboard(view);
});
