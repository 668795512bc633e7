// The plugins of pplab's JupyterLab extension. A part of JupyterLab that an application lacks (Notebook 7 has no status bar, say)
// is an optional token, so that each application takes the plugins it can.

import { reopened } from "./reopened.js";

export default [reopened];
