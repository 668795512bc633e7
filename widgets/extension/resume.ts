// Commands that put the cell which resumes or retries an experiment into a notebook of its lab, else on the clipboard.

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from "@jupyterlab/application";
import { Notification } from "@jupyterlab/apputils";
import { INotebookTracker, NotebookActions, type NotebookPanel } from "@jupyterlab/notebook";
import { ITranslator, nullTranslator, type TranslationBundle } from "@jupyterlab/translation";
import type { ReadonlyPartialJSONObject } from "@lumino/coreutils";
import { copy } from "../shared/clipboard.js";
import { labFolder, within } from "./labs.js";

const OPTIONS = { "pplab:resume-experiment": "--resume", "pplab:retry-experiment": "--retry-failed" };
const SHOWN = 6000; // ms

/** The cell that completes an experiment. */
export function resumeCell(option: string, id: string): string {
  return `%load_ext pplab\n%pplab run ${option} ${id}`;
}

/** The notebook in front, if its kernel is a Python and its folder belongs to the lab: there the cell finds the experiment. */
function fittingNotebook(app: JupyterFrontEnd, tracker: INotebookTracker | null, lab: string): NotebookPanel | null {
  const panel = tracker?.currentWidget;
  if (!panel || panel.isDisposed || panel.model?.readOnly) return null;
  const path = app.serviceManager.contents.localPath(panel.context.path);
  const folder = path.split("/").slice(0, -1).join("/");
  const isPython = panel.sessionContext.session?.kernel?.name.startsWith("python") ?? false;
  return isPython && within(folder, labFolder(lab)) ? panel : null;
}

function insert(app: JupyterFrontEnd, panel: NotebookPanel, code: string): void {
  app.shell.activateById(panel.id);
  NotebookActions.insertBelow(panel.content);
  panel.content.activeCell?.model.sharedModel.setSource(code);
  panel.content.mode = "edit";
}

async function offer(
  app: JupyterFrontEnd,
  tracker: INotebookTracker | null,
  trans: TranslationBundle,
  lab: string,
  code: string,
): Promise<void> {
  const panel = fittingNotebook(app, tracker, lab);
  if (panel) {
    insert(app, panel, code);
    Notification.info(trans.__("A cell was added to %1: run it.", panel.title.label), { autoClose: SHOWN });
    return;
  }
  const folder = labFolder(lab) || trans.__("the server's root folder");
  if (await copy(code)) {
    const words = trans.__("The cell was copied. Paste and run it in a notebook in %1.", folder);
    Notification.info(words, { autoClose: SHOWN });
  } else {
    Notification.warning(trans.__("Run this in a notebook in %1: %2", folder, code.replace("\n", "; ")));
  }
}

export const resume: JupyterFrontEndPlugin<void> = {
  id: "pplab:resume",
  description: "Resumes and retries experiments from a notebook.",
  autoStart: true,
  optional: [INotebookTracker, ITranslator],
  activate: (app: JupyterFrontEnd, tracker: INotebookTracker | null, translator: ITranslator | null) => {
    const trans = (translator ?? nullTranslator).load("pplab");
    const labels = {
      "pplab:resume-experiment": trans.__("Resume experiment in a notebook"),
      "pplab:retry-experiment": trans.__("Retry failed calls in a notebook"),
    };
    for (const command of Object.keys(OPTIONS) as (keyof typeof OPTIONS)[]) {
      app.commands.addCommand(command, {
        label: labels[command],
        execute: ({ lab, id }: ReadonlyPartialJSONObject) =>
          offer(app, tracker, trans, String(lab), resumeCell(OPTIONS[command], String(id))),
      });
    }
  },
};
