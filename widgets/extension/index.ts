// The plugins of pplab's JupyterLab extension. A part of JupyterLab that an application lacks (Notebook 7 has no status bar, say)
// is an optional token, so that each application takes the plugins it can.

import { footer } from "./footer.js";
import { labs } from "./labs.js";
import { launcher } from "./launcher.js";
import { notifications } from "./notifications.js";
import { files } from "./package.js";
import { reopened } from "./reopened.js";
import { resume } from "./resume.js";
import { sidebar } from "./sidebar/index.js";
import { status } from "./status.js";
import { tabs } from "./tabs.js";
import { translation } from "./translation.js";

export default [translation, reopened, labs, launcher, resume, sidebar, status, notifications, tabs, footer, files];
