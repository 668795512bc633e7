// The words of the views in JupyterLab's language: the views take them from the page, each being bundled on its own.

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from "@jupyterlab/application";
import { ITranslator, nullTranslator } from "@jupyterlab/translation";
import { setTranslation } from "../shared/translation.js";

export const translation: JupyterFrontEndPlugin<void> = {
  id: "pplab:translation",
  description: "Has the views of pplab speak the language of JupyterLab.",
  autoStart: true,
  optional: [ITranslator],
  activate: (_app: JupyterFrontEnd, translator: ITranslator | null) =>
    setTranslation((translator ?? nullTranslator).load("pplab")),
};
