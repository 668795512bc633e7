// The figures of a served view: they come as JSON and are drawn by plotly.js, which is loaded when the first one is shown.

import type { ResolvedWidget } from "@anywidget/types";
import { fill, h } from "../shared/dom.js";

/** A plotly figure as JSON. */
export interface Figure {
  readonly data: readonly unknown[];
  readonly layout: Readonly<Record<string, unknown>>;
  readonly config: Readonly<Record<string, unknown>>;
}

/** What we use of plotly.js. */
export interface Plotly {
  newPlot(el: HTMLElement, data: unknown, layout: unknown, config: unknown): Promise<unknown>;
  react(el: HTMLElement, data: unknown, layout: unknown, config: unknown): Promise<unknown>;
  purge(el: HTMLElement): void;
}

export type LoadPlotly = () => Promise<Plotly>;

export class Figures {
  readonly #load: LoadPlotly;
  readonly #failed: string;
  readonly #figures = new Map<string, Figure>();
  readonly #redraws = new Map<string, Set<(figure: Figure) => void>>();

  constructor(load: LoadPlotly, failed: string) {
    this.#load = load;
    this.#failed = failed;
  }

  /** Take a figure, and show it wherever it is shown. */
  receive(reference: string, figure: Figure): void {
    this.#figures.set(reference, figure);
    for (const redraw of this.#redraws.get(reference) ?? []) redraw(figure);
  }

  /** Return what shows a figure as anywidget's host returns what shows a widget: when plotly.js is there. */
  async widget(reference: string): Promise<ResolvedWidget> {
    const plotly = await this.#load().catch(() => undefined);
    return {
      exports: {},
      render: async ({ el, signal }) => {
        if (plotly) await this.#draw(plotly, reference, el, signal);
        else fill(el, h("p", { class: "pplab-quiet" }, this.#failed));
      },
    };
  }

  async #draw(plotly: Plotly, reference: string, el: HTMLElement, signal?: AbortSignal): Promise<void> {
    const figure = this.#figures.get(reference);
    if (!figure) return;
    const plot = h("div");
    plot.style.height = "100%";
    fill(el, plot);
    await plotly.newPlot(plot, figure.data, figure.layout, figure.config);
    const redraws = this.#redraws.get(reference) ?? new Set();
    const redraw = (now: Figure) => void plotly.react(plot, now.data, now.layout, now.config);
    this.#redraws.set(reference, redraws.add(redraw));
    const latest = this.#figures.get(reference);
    if (latest && latest !== figure) redraw(latest);
    signal?.addEventListener("abort", () => {
      redraws.delete(redraw);
      plotly.purge(plot);
    });
  }
}
