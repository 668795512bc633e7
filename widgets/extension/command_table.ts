// How each of our commands is named and drawn, wherever JupyterLab shows it: launcher, palette, menu and shortcuts.

import type { TranslationBundle } from "@jupyterlab/translation";
import type { LabIcon } from "@jupyterlab/ui-components";
import { auditIcon, calibrationIcon, dashboardIcon, labIcon, notebookIcon, studioIcon, timingIcon } from "./icons.js";

export interface CommandFace {
  readonly label: string;
  readonly caption: string;
  readonly icon: LabIcon;
}

/** The commands that a user is offered, in order. Whichever plugin makes one, its face is here. */
export function commandFaces(trans: TranslationBundle) {
  return {
    "pplab:new-notebook": {
      label: trans.__("New experiment notebook"),
      caption: trans.__("Make a notebook with a small experiment that runs as it is"),
      icon: notebookIcon,
    },
    "pplab:calibrate": {
      label: trans.__("Calibration"),
      caption: trans.__("Answer a short quiz and get a persona and ranges of temperature and other parameters"),
      icon: calibrationIcon,
    },
    "pplab:studio": {
      label: trans.__("Experiment studio"),
      caption: trans.__("Write a prompt, choose settings with sliders, run them and watch the answers"),
      icon: studioIcon,
    },
    "pplab:dashboard": {
      label: trans.__("Dashboard"),
      caption: trans.__("Live charts of every experiment in a lab"),
      icon: dashboardIcon,
    },
    "pplab:timing": {
      label: trans.__("Timing"),
      caption: trans.__("How long cells, operations and calls took, and which were the slowest and the dearest"),
      icon: timingIcon,
    },
    "pplab:audit": {
      label: trans.__("Audit console"),
      caption: trans.__("Who did what and when, and whether anything was altered"),
      icon: auditIcon,
    },
    "pplab:show-experiments": {
      label: trans.__("Show experiments"),
      caption: trans.__("Open the list of labs, runs and experiments in the sidebar"),
      icon: labIcon,
    },
  } satisfies Record<string, CommandFace>;
}
