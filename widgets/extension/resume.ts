// Commands that put the cell which resumes or retries an experiment into a notebook of its lab, else on the clipboard.

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from "@jupyterlab/application";
import { Notification } from "@jupyterlab/apputils";
import { PathExt } from "@jupyterlab/coreutils";
import { INotebookTracker, NotebookActions, type NotebookPanel } from "@jupyterlab/notebook";
import { ITranslator, nullTranslator, type TranslationBundle } from "@jupyterlab/translation";
import type { ReadonlyPartialJSONObject } from "@lumino/coreutils";
import { copy } from "../shared/clipboard.js";
import { ILabs, labFoundFrom, within } from "./labs.js";

const OPTIONS = { "pplab:resume-experiment": "--resume", "pplab:retry-experiment": "--retry-failed" };
const SHOWN = 6000; // ms

/** A word of a magic's line, in quotes where it needs them. */
function quoted(word: string): string {
  return /^[\w./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** The folder that holds what a path leads to. */
function around(path: string): string {
  return path.split("/").slice(0, -1).join("/");
}

export interface Resumed {
  readonly option: string;
  readonly id: string;
  /** The experiment's lab. */
  readonly lab: string;
  /** The labs that are known. */
  readonly labs: readonly string[];
}

/** The cell that completes an experiment, in a notebook in `folder`. It names the lab where pplab would find another one. */
export function resumeCell({ option, id, lab, labs }: Resumed, folder: string): string {
  const isFound = labFoundFrom(folder, [lab, ...labs]) === lab;
  const store = isFound ? "" : ` --store ${quoted(PathExt.relative(`/${folder}`, `/${lab}`) || ".")}`;
  return `%load_ext pplab\n%pplab run ${option} ${id}${store}`;
}

/** The notebook in front and its folder, if its kernel is a Python and it lies where the lab does, or below. */
function fittingNotebook(
  app: JupyterFrontEnd,
  tracker: INotebookTracker | null,
  lab: string,
): { readonly panel: NotebookPanel; readonly folder: string } | null {
  const panel = tracker?.currentWidget;
  if (!panel || panel.isDisposed || panel.model?.readOnly) return null;
  const folder = around(app.serviceManager.contents.localPath(panel.context.path));
  const isPython = panel.sessionContext.session?.kernel?.name.startsWith("python") ?? false;
  return isPython && within(folder, around(lab)) ? { panel, folder } : null;
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
  resumed: Resumed,
): Promise<void> {
  const fitting = fittingNotebook(app, tracker, resumed.lab);
  if (fitting) {
    const { panel, folder } = fitting;
    insert(app, panel, resumeCell(resumed, folder));
    Notification.info(trans.__("A cell was added to %1: run it.", panel.title.label), { autoClose: SHOWN });
    return;
  }
  const code = resumeCell(resumed, around(resumed.lab));
  const folder = around(resumed.lab) || trans.__("the server's root folder");
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
  requires: [ILabs],
  optional: [INotebookTracker, ITranslator],
  activate: (app: JupyterFrontEnd, labs: ILabs, tracker: INotebookTracker | null, translator: ITranslator | null) => {
    const trans = (translator ?? nullTranslator).load("pplab");
    const labels = {
      "pplab:resume-experiment": trans.__("Resume experiment in a notebook"),
      "pplab:retry-experiment": trans.__("Retry failed calls in a notebook"),
    };
    for (const command of Object.keys(OPTIONS) as (keyof typeof OPTIONS)[]) {
      app.commands.addCommand(command, {
        label: labels[command],
        execute: ({ lab, id }: ReadonlyPartialJSONObject) => {
          const known = labs.list.map((one) => one.lab);
          return offer(app, tracker, trans, {
            option: OPTIONS[command],
            id: String(id),
            lab: String(lab),
            labs: known,
          });
        },
      });
    }
  },
};
