// The section of the experiments of the chosen lab: searched by the server, shown by window, changed live.

import type { TranslationBundle } from "@jupyterlab/translation";
import { fill, h } from "../../shared/dom.js";
import { number } from "../../shared/format.js";
import type { Experiment } from "../api.js";
import type { ILabs } from "../labs.js";
import { drawExperiment, ROW_HEIGHT } from "./experiment_row.js";
import { Pages } from "./pages.js";
import { emptyState, problemLine, Section } from "./section.js";
import { WindowedList } from "./windowed.js";

const PAGE = 50;
const TYPING = 150; // ms without another letter until a search begins

export class ExperimentsSection extends Section {
  private readonly search: HTMLInputElement;
  private readonly counted = h("p", { class: "pplab-hidden", role: "status" });
  private readonly place = h("div", { class: "pplab-experiments" });
  private readonly list: WindowedList;
  private readonly pages: Pages<Experiment>;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private lab: string | null = null;
  private head: Experiment | undefined;

  constructor(
    private readonly labs: ILabs,
    private readonly trans: TranslationBundle,
    private readonly actions: { onOpen(lab: string, id: string): void; onNew(): void },
  ) {
    super("experiments", trans.__("Experiments"));
    this.search = h("input", {
      type: "search",
      class: "jp-mod-styled pplab-search",
      placeholder: trans.__("Prompt, model or status"),
      "aria-label": trans.__("Search experiments"),
      oninput: () => this.typed(),
      onkeydown: (event: KeyboardEvent) => this.leaveSearch(event),
    });
    this.pages = new Pages(
      PAGE,
      () => this.draw(),
      (error) => this.fail(error),
    );
    this.list = new WindowedList({
      height: ROW_HEIGHT,
      name: trans.__("Experiments"),
      draw: (element, index) => drawExperiment(element, this.pages.at(index), trans),
      onSeen: (first, last) => this.pages.see(first, last),
      onOpen: (index) => this.open(index),
    });
    fill(this.body, h("div", { class: "pplab-search-line" }, this.search), this.counted, this.place);
    labs.changed.connect(this.follow, this);
    labs.experimentsChanged.connect((_labs, lab) => this.renew(lab));
    this.follow();
  }

  /** Show the experiments of the lab that is chosen now. */
  private follow(): void {
    const lab = this.labs.chosen?.lab ?? null;
    if (lab === this.lab) return;
    this.lab = lab;
    this.search.value = "";
    this.search.disabled = lab === null;
    this.title.label = this.trans.__("Experiments");
    fill(this.place);
    if (lab !== null) this.begin(lab);
  }

  private begin(lab: string): void {
    const query = this.search.value.trim();
    this.list.rewind();
    this.head = undefined;
    this.pages.begin(async (offset, limit) => {
      const found = await this.labs.api.experiments(lab, { limit, offset, query });
      return { total: found.total, rows: found.experiments };
    });
  }

  private renew(lab: string): void {
    if (lab !== this.lab) return;
    const [first, last] = this.list.range();
    if (this.pages.total === null) this.begin(lab);
    else this.pages.changed(first, Math.max(first, last - 1));
  }

  private draw(): void {
    const total = this.pages.total ?? 0;
    const { trans } = this;
    const query = this.search.value.trim();
    if (!query) this.title.label = trans.__("Experiments (%1)", number(total));
    fill(this.counted, query ? trans._n("%1 experiment found", "%1 experiments found", total) : "");
    const shown = total ? this.list.element : this.nothing(query);
    if (shown.parentElement !== this.place) fill(this.place, shown);
    if (total) this.keepPlace();
    this.list.update(total);
  }

  /** Where new experiments came above, move on by as many, so that what somebody looks at stays. */
  private keepPlace(): void {
    const before = this.head?.id;
    this.head = this.pages.at(0);
    if (!before || before === this.head?.id) return;
    for (let added = 1; added < PAGE; added += 1) {
      if (this.pages.at(added)?.id !== before) continue;
      this.list.shift(added);
      return;
    }
  }

  private nothing(query: string): HTMLElement {
    const { trans } = this;
    if (!query) {
      const words = trans.__("No experiment in this lab yet.");
      return emptyState(words, { label: trans.__("New experiment notebook"), run: () => this.actions.onNew() });
    }
    const clear = () => {
      this.search.value = "";
      this.typed();
      this.search.focus();
    };
    return emptyState(trans.__("Nothing matches “%1”.", query), { label: trans.__("Clear the search"), run: clear });
  }

  private fail(error: unknown): void {
    fill(this.place, problemLine(error instanceof Error ? error.message : String(error)));
  }

  private typed(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.lab !== null && this.begin(this.lab), TYPING);
  }

  private leaveSearch(event: KeyboardEvent): void {
    if (event.key === "Escape" && this.search.value) {
      this.search.value = "";
      this.typed();
    } else if (event.key === "ArrowDown" || event.key === "Enter") {
      this.list.focus();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  private open(index: number): void {
    const row = this.pages.at(index);
    if (row && this.lab !== null) this.actions.onOpen(this.lab, row.id);
  }
}
