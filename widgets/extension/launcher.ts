// Our commands where a user looks for them: the launcher, the command palette and a menu.

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from "@jupyterlab/application";
import { ICommandPalette } from "@jupyterlab/apputils";
import { IDefaultFileBrowser } from "@jupyterlab/filebrowser";
import { ILauncher } from "@jupyterlab/launcher";
import { IMainMenu } from "@jupyterlab/mainmenu";
import { ITranslator, nullTranslator, type TranslationBundle } from "@jupyterlab/translation";
import type { CommandRegistry } from "@lumino/commands";
import { Menu } from "@lumino/widgets";
import { commandFaces } from "./command_table.js";
import { createNotebook } from "./new_notebook.js";

const CATEGORY_RANK = 50; // after notebooks and consoles, before what is called other; JupyterLab before 4.6 sorts by name
const MENU_RANK = 800; // between JupyterLab's own menus and Help
const NOT_IN_LAUNCHER = ["pplab:show-experiments"];

/** Make `pplab:new-notebook`: the template in the folder of the file browser, opened. */
function addNewNotebook(app: JupyterFrontEnd, browser: IDefaultFileBrowser | null, trans: TranslationBundle): void {
  app.commands.addCommand("pplab:new-notebook", {
    ...commandFaces(trans)["pplab:new-notebook"],
    execute: async ({ cwd }) => {
      const folder = typeof cwd === "string" ? cwd : (browser?.model.path ?? "");
      const path = await createNotebook(app.serviceManager.contents, folder, trans.__("experiment"));
      return app.commands.execute("docmanager:open", { path });
    },
  });
}

/** Add a card a command. A card of a command that no plugin made would be blank, so it waits for the command. */
function fillLauncher(launcher: ILauncher, commands: CommandRegistry, ids: readonly string[], category: string): void {
  const waiting = new Map(ids.map((command, rank) => [command, rank]));
  const add = () => {
    for (const [command, rank] of waiting) {
      if (!commands.hasCommand(command)) continue;
      waiting.delete(command);
      launcher.add({ command, category, rank, categoryRank: CATEGORY_RANK });
    }
    if (!waiting.size) commands.commandChanged.disconnect(add);
  };
  commands.commandChanged.connect(add);
  add();
}

export const launcher: JupyterFrontEndPlugin<void> = {
  id: "pplab:launcher",
  description: "Offers the lab's commands in the launcher, the command palette and a menu.",
  autoStart: true,
  optional: [ILauncher, ICommandPalette, IMainMenu, IDefaultFileBrowser, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    cards: ILauncher | null,
    palette: ICommandPalette | null,
    menus: IMainMenu | null,
    browser: IDefaultFileBrowser | null,
    translator: ITranslator | null,
  ) => {
    const trans = (translator ?? nullTranslator).load("pplab");
    const category = trans.__("Sampling lab");
    const ids = Object.keys(commandFaces(trans));
    addNewNotebook(app, browser, trans);
    if (cards) {
      const shown = ids.filter((id) => !NOT_IN_LAUNCHER.includes(id));
      fillLauncher(cards, app.commands, shown, category);
    }
    for (const command of ids) palette?.addItem({ command, category });
    if (menus) {
      const menu = new Menu({ commands: app.commands });
      menu.id = "pplab-menu";
      menu.title.label = category;
      for (const command of ids) menu.addItem({ command });
      menus.addMenu(menu, true, { rank: MENU_RANK });
    }
  },
};
