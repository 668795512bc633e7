// Our icons: drawn in strokes on 16 by 16 units, and coloured by JupyterLab's theme (`jp-icon3`).

import { LabIcon } from "@jupyterlab/ui-components";
import "./icons.css";

function icon(name: string, strokes: string): LabIcon {
  const look =
    'class="jp-icon3 pplab-icon" stroke="#616161" stroke-width="1.4" stroke-linecap="round" stroke-linejoin="round"';
  const shape = `<g fill="none"><g ${look}>${strokes}</g></g>`; // a fill beside the class would be coloured, too
  const svgstr = `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 16 16">${shape}</svg>`;
  return new LabIcon({ name: `pplab:${name}`, svgstr });
}

/** The lab itself: a flask with a scale. */
export const labIcon = icon("lab", '<path d="M6 1.8h4M6.8 1.8v4L2.9 13.2h10.2L9.2 5.8v-4M5 9.8h6"/>');

/** Calibration: a dial. */
export const calibrationIcon = icon("calibration", '<path d="M2 12a6 6 0 1 1 12 0M8 12l3-4.4M2 12h1.4M12.6 12H14"/>');

/** The experiment studio: sliders. */
export const studioIcon = icon(
  "studio",
  '<path d="M2 4h6M12 4h2M2 12h2M8 12h6M2 8h8"/><circle cx="10" cy="4" r="1.8"/><circle cx="6" cy="12" r="1.8"/>',
);

/** The dashboard: bars. */
export const dashboardIcon = icon("dashboard", '<path d="M2 2v12h12M5 11.4V8M8.5 11.4V4.5M12 11.4V6.5"/>');

/** Timing: a stopwatch. */
export const timingIcon = icon("timing", '<circle cx="8" cy="9" r="5.2"/><path d="M8 9V6M6.2 1.8h3.6M12.2 4.4l1-1"/>');

/** The audit console: a list that was checked. */
export const auditIcon = icon("audit", '<path d="M2 4h7M2 8h5M2 12h4M9 11.2l2 2 3.4-4.4"/>');

/** A new experiment notebook: a page with a plus. */
export const notebookIcon = icon("notebook", '<path d="M3 1.8h10v12.4H3zM5.6 1.8v12.4M9.4 6v4M7.4 8h4"/>');

/** A package: a box. */
export const packageIcon = icon("package", '<path d="M2 5l6-3 6 3v6.4l-6 3-6-3zM2 5l6 3 6-3M8 8v6.4"/>');

/** A recording: lines of calls with a dot. */
export const recordingIcon = icon("recording", '<path d="M2 4h8M2 8h6M2 12h5"/><circle cx="12" cy="11" r="2.4"/>');

/** An exported table. */
export const tableIcon = icon("table", '<path d="M2 2.5h12v11H2zM2 6h12M2 9.8h12M6 6v7.5"/>');
