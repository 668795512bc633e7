// The views that a tab can hold: how each is called, what loads its code, and the cell that shows the same in a notebook.

import type { TranslationBundle } from "@jupyterlab/translation";
import type { LabIcon } from "@jupyterlab/ui-components";
import { auditIcon, calibrationIcon, dashboardIcon, labIcon, timingIcon } from "./icons.js";
import { labFolder } from "./labs.js";
import type { ViewBundle } from "./transport.js";

/** Which view of what: the arguments that open a tab, also after the page was loaded again. */
export interface ViewAddress {
  readonly view: ViewName;
  readonly lab: string;
  /** Of the experiment, calibration or record, where the view shows one. */
  readonly id?: string;
}

export type ViewName = "cards" | "dashboard" | "console" | "timing" | "trace" | "calibration";

interface ViewKind {
  readonly icon: LabIcon;
  /** The title of a tab, given the lab's name and the id. */
  readonly title: (trans: TranslationBundle, lab: string, id: string) => string;
  /** The magic command that shows the same, or that goes on with it. */
  readonly command: (id: string) => string;
  readonly load: () => Promise<ViewBundle>;
}

const ID_SHOWN = 8; // characters of an id

export const VIEWS: Readonly<Record<ViewName, ViewKind>> = {
  cards: {
    icon: labIcon,
    title: (trans, _lab, id) => trans.__("Experiment %1", id.slice(0, ID_SHOWN)),
    command: (id) => `results ${id}`,
    load: () => import(/* webpackChunkName: "view_cards" */ "../cards/index.js"),
  },
  dashboard: {
    icon: dashboardIcon,
    title: (trans, lab) => trans.__("Dashboard: %1", lab),
    command: () => "dashboard",
    load: () => import(/* webpackChunkName: "view_dashboard" */ "../dashboard/index.js"),
  },
  console: {
    icon: auditIcon,
    title: (trans, lab) => trans.__("Audit: %1", lab),
    command: () => "audit",
    load: () => import(/* webpackChunkName: "view_console" */ "../console/index.js"),
  },
  timing: {
    icon: timingIcon,
    title: (trans, lab) => trans.__("Timing: %1", lab),
    command: () => "timing",
    load: () => import(/* webpackChunkName: "view_timing" */ "../timing/index.js"),
  },
  trace: {
    icon: timingIcon,
    title: (trans, _lab, id) => trans.__("Trace %1", id.slice(0, ID_SHOWN)),
    command: (id) => `trace ${id} --full`,
    load: () => import(/* webpackChunkName: "view_timing" */ "../timing/index.js"),
  },
  calibration: {
    icon: calibrationIcon,
    title: (trans, _lab, id) => trans.__("Calibration %1", id.slice(0, ID_SHOWN)),
    command: (id) => `studio --calibration ${id}`,
    load: () => import(/* webpackChunkName: "view_calibration" */ "../calibration/index.js"),
  },
};

/** The cell that runs a magic command on a lab, in a notebook in the folder that the lab belongs to. */
export function cellOf(lab: string, command: string): string {
  const elsewhere = lab && labFolder(lab) === lab ? "%env PPLAB_STORE=.\n" : "";
  return `${elsewhere}%load_ext pplab\n%pplab ${command}`;
}

/** What to call a lab. */
export function labName(lab: string): string {
  return labFolder(lab).split("/").at(-1) || lab;
}
