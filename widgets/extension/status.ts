// The item of the status bar: the model, the runs under way, and what was spent today. A click opens the sidebar.

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from "@jupyterlab/application";
import { IStatusBar } from "@jupyterlab/statusbar";
import { ITranslator, nullTranslator, type TranslationBundle } from "@jupyterlab/translation";
import { Signal } from "@lumino/signaling";
import { Widget } from "@lumino/widgets";
import { fill, h } from "../shared/dom.js";
import { labIcon } from "./icons.js";
import { ILabs } from "./labs.js";
import { dollars, modelWords, progressOfAll } from "./words.js";
import "./status.css";

export class StatusItem extends Widget {
  readonly activeChanged = new Signal<this, void>(this);
  private readonly button: HTMLButtonElement;
  private readonly words = h("span", { class: "pplab-status-words" });

  constructor(
    private readonly labs: ILabs,
    private readonly trans: TranslationBundle,
    onOpen: () => void,
  ) {
    super();
    this.node.dataset.pplab = "status";
    this.button = h("button", { type: "button", class: "pplab-status-item", onclick: onOpen });
    this.button.append(labIcon.element({ tag: "span", stylesheet: "statusBar" }), this.words);
    this.node.append(this.button);
    labs.changed.connect(this.draw, this);
    this.draw();
  }

  /** Whether there is anything to say: a lab that can be read. */
  get active(): boolean {
    return this.labs.chosen !== null;
  }

  private draw(): void {
    const { chosen, runs, spentToday } = this.labs;
    this.activeChanged.emit();
    if (!chosen) return;
    const { trans } = this;
    const model = modelWords(trans, chosen.model, chosen.endpoint);
    const running = runs.length ? progressOfAll(trans, runs) : "";
    const spent = spentToday > 0 ? trans.__("%1 today", dollars(trans, spentToday)) : "";
    const parts = [model, running, spent].filter(Boolean);
    const words = parts.length ? parts.join(" · ") : trans.__("Sampling lab");
    if (this.words.textContent !== words) fill(this.words, words);
    this.button.title = [
      model && trans.__("Model of the lab %1: %2", chosen.name, model),
      runs.length ? trans._n("%1 run under way", "%1 runs under way", runs.length) : trans.__("No run is under way"),
      trans.__("Spent today in all labs here: %1", dollars(trans, spentToday)),
      trans.__("Click to open the list of experiments"),
    ]
      .filter(Boolean)
      .join("\n");
  }
}

export const status: JupyterFrontEndPlugin<void> = {
  id: "pplab:status",
  description: "Shows model, runs under way and today's cost in the status bar.",
  autoStart: true,
  requires: [ILabs],
  optional: [IStatusBar, ITranslator],
  activate: (app: JupyterFrontEnd, labs: ILabs, bar: IStatusBar | null, translator: ITranslator | null) => {
    if (!bar) return;
    const trans = (translator ?? nullTranslator).load("pplab");
    const item = new StatusItem(labs, trans, () => void app.commands.execute("pplab:show-experiments"));
    bar.registerStatusItem("pplab:status", {
      item,
      align: "left",
      rank: 5,
      isActive: () => item.active,
      activeStateChanged: item.activeChanged,
    });
  },
};
