// The sidebar: labs, runs, experiments, calibrations and packages, as sections of JupyterLab's own accordion.

import type { ITranslator, TranslationBundle } from "@jupyterlab/translation";
import { SidePanel } from "@jupyterlab/ui-components";
import type { AccordionPanel } from "@lumino/widgets";
import { Widget } from "@lumino/widgets";
import { fill, h } from "../../shared/dom.js";
import { labIcon } from "../icons.js";
import type { ILabs } from "../labs.js";
import { ExperimentsSection } from "./experiments_section.js";
import { LabsSection } from "./labs_section.js";
import { calibrationsSection, packagesSection } from "./records_section.js";
import { RunsSection } from "./runs_section.js";
import { problemLine } from "./section.js";

export const SIDEBAR_ID = "pplab-sidebar";

/** What the sidebar has others do. */
export interface SidebarActions {
  onOpen(lab: string, id: string): void;
  onResume(lab: string, id: string): void;
  onCalibration(lab: string, id: string): void;
  onPackage(path: string): void;
  onNew(): void;
  onCalibrate(): void;
}

/** The share of the room that each section has while all are open. */
const SHARES = [1.4, 2, 6, 2, 2];
const CLOSED_AT_FIRST = ["calibrations", "packages"];

export class Sidebar extends SidePanel {
  private readonly line = new Widget({ node: h("div", { class: "pplab-widget pplab-sidebar-line" }) });

  constructor(
    private readonly labs: ILabs,
    translator: ITranslator,
    private readonly trans: TranslationBundle,
    actions: SidebarActions,
  ) {
    super({ translator });
    this.id = SIDEBAR_ID;
    this.title.icon = labIcon;
    this.title.caption = trans.__("Sampling lab");
    this.node.dataset.pplab = "sidebar";
    this.node.setAttribute("aria-label", trans.__("Sampling lab"));
    this.node.setAttribute("role", "region");
    this.header.addWidget(this.line);
    const sections = [
      new LabsSection(labs, trans, actions.onNew),
      new RunsSection(labs, trans, {
        onOpen: ({ lab, id }) => actions.onOpen(lab, id),
        onResume: ({ lab, id }) => actions.onResume(lab, id),
      }),
      new ExperimentsSection(labs, trans, actions),
      calibrationsSection(labs, trans, {
        onNew: () => actions.onCalibrate(),
        onOpen: (lab, id) => actions.onCalibration(lab, id),
      }),
      packagesSection(labs, trans, actions.onPackage),
    ];
    for (const section of sections) this.addWidget(section);
    const accordion = this.content as AccordionPanel;
    for (const [at, section] of sections.entries()) if (CLOSED_AT_FIRST.includes(section.name)) accordion.collapse(at);
    accordion.setRelativeSizes(SHARES);
    labs.changed.connect(this.draw, this);
    this.draw();
  }

  protected override onAfterShow(): void {
    if (this.labs.state !== "missing") void this.labs.refresh();
  }

  /** Say in one line why there is nothing to list. */
  private draw(): void {
    const { state, problem } = this.labs;
    const { trans } = this;
    const words = {
      missing: trans.__(
        "Install pplab where the Jupyter server runs to see labs here. In notebooks it works as it is.",
      ),
      failed: trans.__("The labs could not be read: %1", problem),
      loading: "",
      ready: "",
    }[state];
    if (this.line.node.textContent !== words) fill(this.line.node, words ? problemLine(words) : null);
    this.content.setHidden(state === "missing");
  }
}
