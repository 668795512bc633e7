// The plugin of the left sidebar, and the command that opens it.

import { ILayoutRestorer, type JupyterFrontEnd, type JupyterFrontEndPlugin } from "@jupyterlab/application";
import { ITranslator, nullTranslator } from "@jupyterlab/translation";
import { commandFaces } from "../command_table.js";
import { ILabs } from "../labs.js";
import { SIDEBAR_ID, Sidebar } from "./panel.js";
import "../../shared/base.css";
import "./style.css";

export const sidebar: JupyterFrontEndPlugin<void> = {
  id: "pplab:sidebar",
  description: "Lists labs, runs under way, experiments, calibrations and packages in the left sidebar.",
  autoStart: true,
  requires: [ILabs],
  optional: [ITranslator, ILayoutRestorer],
  activate: (app: JupyterFrontEnd, labs: ILabs, translator: ITranslator | null, restorer: ILayoutRestorer | null) => {
    const trans = (translator ?? nullTranslator).load("pplab");
    const execute = (command: string, args: Record<string, string> = {}) => {
      if (app.commands.hasCommand(command)) void app.commands.execute(command, args);
    };
    const panel = new Sidebar(labs, translator ?? nullTranslator, trans, {
      onOpen: (lab, id) => execute("pplab:open-experiment", { lab, id }),
      onResume: (lab, id) => execute("pplab:resume-experiment", { lab, id }),
      onCalibration: (lab, id) => execute("pplab:open-calibration", { lab, id }),
      onPackage: (path) => execute("docmanager:open", { path }),
      onNew: () => execute("pplab:new-notebook"),
      onCalibrate: () => execute("pplab:calibrate"),
    });
    app.shell.add(panel, "left", { rank: 600, type: "Sampling lab" });
    restorer?.add(panel, SIDEBAR_ID);
    app.commands.addCommand("pplab:show-experiments", {
      ...commandFaces(trans)["pplab:show-experiments"],
      execute: () => app.shell.activateById(SIDEBAR_ID),
    });
  },
};
