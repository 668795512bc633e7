// The section of the labs: one of them is chosen, and its experiments are shown.

import type { TranslationBundle } from "@jupyterlab/translation";
import { fill, h } from "../../shared/dom.js";
import { number } from "../../shared/format.js";
import type { Lab } from "../api.js";
import type { ILabs } from "../labs.js";
import { labFolder } from "../labs.js";
import { emptyState, Section } from "./section.js";

export class LabsSection extends Section {
  private drawn = "";

  constructor(
    private readonly labs: ILabs,
    private readonly trans: TranslationBundle,
    private readonly onNew: () => void,
  ) {
    super("labs", trans.__("Labs"));
    labs.changed.connect(this.draw, this);
    this.draw();
  }

  private draw(): void {
    const { list, chosen, state } = this.labs;
    const key = JSON.stringify([list, chosen?.lab, state]);
    if (key === this.drawn) return; // leave the focus where it is
    this.drawn = key;
    fill(this.body, list.length ? this.choices(list, chosen) : this.none());
  }

  private choices(list: readonly Lab[], chosen: Lab | null): HTMLElement {
    const focused = (this.body.querySelector("input:focus") as HTMLInputElement | null)?.value;
    const group = h("div", { role: "radiogroup", "aria-label": this.trans.__("Lab"), class: "pplab-labs" });
    group.append(...list.map((lab) => this.row(lab, lab.lab === chosen?.lab)));
    if (focused)
      queueMicrotask(() => group.querySelector<HTMLInputElement>(`input[value="${CSS.escape(focused)}"]`)?.focus());
    return group;
  }

  private none(): HTMLElement | null {
    const { state } = this.labs;
    if (state === "missing" || state === "failed") return null; // the line above all sections says why
    if (state === "loading") return emptyState(this.trans.__("Looking for labs…"));
    const words = this.trans.__("No lab in this folder yet. Your first experiment makes one.");
    return emptyState(words, { label: this.trans.__("New experiment notebook"), run: this.onNew });
  }

  private row(lab: Lab, chosen: boolean): HTMLElement {
    const input = h("input", {
      type: "radio",
      name: "pplab-lab",
      value: lab.lab,
      checked: chosen,
      disabled: !lab.readable,
      onchange: () => this.labs.choose(lab.lab),
    });
    const facts = h("span", { class: "pplab-lab-facts" }, h("span", { class: "pplab-lab-name" }, lab.name || lab.lab));
    facts.append(h("span", { class: "pplab-quiet" }, lab.readable ? this.facts(lab) : lab.note));
    const where = labFolder(lab.lab) || this.trans.__("the server's root folder");
    return h(
      "label",
      { class: "pplab-lab", title: where, "data-lab": lab.lab, "data-readable": lab.readable },
      input,
      facts,
    );
  }

  private facts(lab: Lab): string {
    return this.trans._n("%2 experiment", "%2 experiments", lab.experiments, number(lab.experiments));
  }
}
