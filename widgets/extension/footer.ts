// A quiet line below each cell that ran with pplab. It is drawn beside the cell and never written into the notebook.

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from "@jupyterlab/application";
import { INotebookTracker, NotebookActions, type NotebookPanel } from "@jupyterlab/notebook";
import { ISettingRegistry } from "@jupyterlab/settingregistry";
import { ITranslator, nullTranslator } from "@jupyterlab/translation";
import { DEFAULTS } from "../shared/generated/settings.js";
import { ILabs } from "./labs.js";
import { type FooterOptions, NotebookFooters } from "./notebook_footers.js";
import { watchSettings } from "./settings.js";

export const footer: JupyterFrontEndPlugin<void> = {
  id: "pplab:footer",
  description: "Says below each cell what it took: time, calls, tokens and cost.",
  autoStart: true,
  requires: [ILabs, INotebookTracker],
  optional: [ISettingRegistry, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    labs: ILabs,
    tracker: INotebookTracker,
    registry: ISettingRegistry | null,
    translator: ITranslator | null,
  ) => {
    let { refresh } = DEFAULTS;
    let wanted = false;
    const notebooks = new Map<NotebookPanel, NotebookFooters>();
    const options: FooterOptions = {
      labs,
      trans: (translator ?? nullTranslator).load("pplab"),
      localPath: (path) => app.serviceManager.contents.localPath(path),
      commands: app.commands,
      refresh: () => refresh,
    };
    const add = (panel: NotebookPanel) => {
      const made = new NotebookFooters(panel, options);
      notebooks.set(panel, made);
      panel.disposed.connect(() => {
        made.dispose();
        notebooks.delete(panel);
      });
    };
    const footersOf = (content: unknown) => [...notebooks].find(([panel]) => panel.content === content)?.[1];
    NotebookActions.executionScheduled.connect((_actions, { notebook, cell }) => footersOf(notebook)?.begin(cell));
    NotebookActions.executed.connect((_actions, { notebook, cell }) => footersOf(notebook)?.end(cell));
    tracker.widgetAdded.connect((_tracker, panel) => wanted && add(panel));
    void watchSettings(registry, (settings) => {
      refresh = settings.refresh;
      if (settings.footer === wanted) return;
      wanted = settings.footer;
      if (wanted) tracker.forEach(add);
      for (const made of wanted ? [] : notebooks.values()) made.dispose();
      if (!wanted) notebooks.clear();
    });
  },
};
