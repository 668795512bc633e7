// The section of the runs under way, of every lab that is followed.

import type { TranslationBundle } from "@jupyterlab/translation";
import { fill, h } from "../../shared/dom.js";
import type { ILabs } from "../labs.js";
import { RunCard, type RunCardOptions } from "./run_card.js";
import { emptyState, Section } from "./section.js";

export class RunsSection extends Section {
  private readonly list = h("ul", { class: "pplab-runs" });
  private readonly cards = new Map<string, RunCard>();

  constructor(
    private readonly labs: ILabs,
    private readonly trans: TranslationBundle,
    private readonly actions: Pick<RunCardOptions, "onOpen" | "onResume">,
  ) {
    super("runs", trans.__("Runs under way"));
    labs.changed.connect(this.draw, this);
    this.draw();
  }

  private draw(): void {
    const { runs, list } = this.labs;
    this.title.label = runs.length
      ? this.trans.__("Runs under way (%1)", runs.length)
      : this.trans.__("Runs under way");
    const keys = runs.map(({ lab, id }) => `${lab} ${id}`);
    for (const [key, card] of this.cards) {
      if (keys.includes(key)) continue;
      card.element.remove();
      this.cards.delete(key);
    }
    for (const [at, run] of runs.entries()) this.drawRun(keys[at] ?? "", run);
    if (runs.length) {
      if (!this.list.isConnected || this.list.parentElement !== this.body) fill(this.body, this.list);
    } else {
      fill(this.body, list.length > 0 && emptyState(this.trans.__("No run is under way.")));
    }
  }

  private drawRun(key: string, run: ILabs["runs"][number]): void {
    const present = this.cards.get(key);
    if (present) {
      present.update(run);
      return;
    }
    const onOrder: RunCardOptions["onOrder"] = ({ lab, id }, order) => this.labs.api.order(lab, id, order);
    const card = new RunCard(run, { trans: this.trans, onOrder, ...this.actions });
    this.cards.set(key, card);
    this.list.append(card.element);
  }
}
