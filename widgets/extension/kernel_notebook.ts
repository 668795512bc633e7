// What needs a kernel: a new notebook in a lab's folder, with one cell that is run by a Python kernel started for it.

import type { JupyterFrontEnd } from "@jupyterlab/application";
import { Notification } from "@jupyterlab/apputils";
import { NotebookActions, type NotebookPanel } from "@jupyterlab/notebook";
import type { TranslationBundle } from "@jupyterlab/translation";
import { createNotebook } from "./new_notebook.js";

const SHOWN = 6000; // ms

/** A notebook of one cell. Its kernel is named in it, so that JupyterLab starts it without asking. */
function notebookOf(code: string, kernelspec: { readonly name: string; readonly display_name: string }): object {
  const cell = { cell_type: "code", id: "pplab-view", metadata: {}, source: code, outputs: [], execution_count: null };
  const metadata = { kernelspec: { ...kernelspec, language: "python" } };
  return { cells: [cell], metadata, nbformat: 4, nbformat_minor: 5 };
}

/** The server's Python kernel: the default one, if it is a Python. */
async function pythonKernel(app: JupyterFrontEnd): Promise<{ name: string; display_name: string } | undefined> {
  const { kernelspecs } = app.serviceManager;
  await kernelspecs.ready;
  const specs = Object.values(kernelspecs.specs?.kernelspecs ?? {}).filter((spec) => spec?.language === "python");
  const spec = specs.find((one) => one?.name === kernelspecs.specs?.default) ?? specs[0];
  return spec && { name: spec.name, display_name: spec.display_name };
}

/** Make a notebook with this cell in `folder`, open it beside what is seen, run it, and say which kernel does. */
export async function runInNotebook(
  app: JupyterFrontEnd,
  trans: TranslationBundle,
  folder: string,
  code: string,
): Promise<void> {
  const kernel = await pythonKernel(app);
  if (!kernel) {
    Notification.error(trans.__("This needs a Python kernel, and the server has none."));
    return;
  }
  const path = await createNotebook(app.serviceManager.contents, folder, trans.__("lab"), notebookOf(code, kernel));
  const options = { mode: "split-right" };
  const panel = (await app.commands.execute("docmanager:open", { path, options })) as NotebookPanel;
  await panel.context.ready;
  await panel.sessionContext.ready;
  Notification.info(trans.__("%1 was started for %2.", kernel.display_name, panel.title.label), { autoClose: SHOWN });
  await NotebookActions.runAll(panel.content, panel.sessionContext);
}
