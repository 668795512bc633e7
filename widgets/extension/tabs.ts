// Views in tabs of JupyterLab's main area, without a kernel: an experiment, a calibration, the dashboard, the audit console,
// timing and traces.
// What needs a kernel opens a notebook instead. An application without such an area (Notebook 7) opens the tab in JupyterLab.

import {
  ILabShell,
  ILayoutRestorer,
  IRouter,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin,
} from "@jupyterlab/application";
import { MainAreaWidget, Notification, WidgetTracker } from "@jupyterlab/apputils";
import { PageConfig, URLExt } from "@jupyterlab/coreutils";
import { IDefaultFileBrowser } from "@jupyterlab/filebrowser";
import { ITranslator, nullTranslator, type TranslationBundle } from "@jupyterlab/translation";
import { ToolbarButton } from "@jupyterlab/ui-components";
import type { ReadonlyPartialJSONObject } from "@lumino/coreutils";
import { type Api, ApiError, labPath, ServerExtensionMissing } from "./api.js";
import { commandFaces } from "./command_table.js";
import { calibrationIcon, notebookIcon, studioIcon } from "./icons.js";
import { runInNotebook } from "./kernel_notebook.js";
import { ILabs, labFolder } from "./labs.js";
import { loadPlotly } from "./plotly.js";
import { ViewTab } from "./view_tab.js";
import { cellOf, labName, VIEWS, type ViewAddress, type ViewName } from "./views.js";
import "./tabs.css";

type Arguments = ReadonlyPartialJSONObject;

const LINK = "pplab-view"; // the parameter of JupyterLab's address that opens a tab
const OPEN = "pplab:open-view";
const PROMPT_SHOWN = 32; // characters of a prompt in a tab's title

/** The tabs of one page: each view of each lab at most once. */
class Tabs {
  readonly tracker = new WidgetTracker<MainAreaWidget<ViewTab>>({ namespace: "pplab-views" });
  readonly #addresses = new WeakMap<MainAreaWidget, ViewAddress>();

  constructor(
    private readonly app: JupyterFrontEnd,
    private readonly labs: ILabs,
    private readonly trans: TranslationBundle,
    private readonly hasTabs: boolean,
  ) {}

  /** The arguments of `pplab:open-view` that open a tab again. */
  address(tab: MainAreaWidget): Arguments {
    return { ...this.#addresses.get(tab) };
  }

  /** Open a view, or bring forward the tab that holds it. */
  async open(address: ViewAddress): Promise<void> {
    if (!this.hasTabs) {
      const query = URLExt.objectToQueryString({ [LINK]: JSON.stringify(address) });
      window.open(URLExt.join(PageConfig.getBaseUrl(), "lab") + query, "_blank", "noopener");
      return;
    }
    const id = tabId(address);
    if (!this.tracker.find((tab) => tab.id === id)) {
      const tab = this.#make(address);
      tab.id = id;
      this.#addresses.set(tab, address);
      this.app.shell.add(tab, "main", { type: "Sampling lab" });
      await this.tracker.add(tab);
    }
    this.app.shell.activateById(id);
  }

  /** Name an experiment's tab by its prompt, which tells more than its id. */
  async #nameByPrompt(tab: MainAreaWidget, lab: string, id: string): Promise<void> {
    const found = await this.labs.api.experiments(lab, { limit: 1, query: id }).catch(() => null); // the view says why
    const prompt = found?.experiments.find((one) => one.id === id)?.prompt.trim();
    if (!prompt || tab.isDisposed) return;
    tab.title.label = prompt.length > PROMPT_SHOWN ? `${prompt.slice(0, PROMPT_SHOWN)}…` : prompt;
    tab.title.caption = [prompt, lab, id].join("\n");
  }

  #make({ view, lab, id = "" }: ViewAddress): MainAreaWidget<ViewTab> {
    const { app, labs, trans } = this;
    const kind = VIEWS[view];
    const settings = app.serviceManager.serverSettings;
    const openNotebook = () =>
      void runInNotebook(app, trans, labFolder(lab), cellOf(lab, kind.command(id))).catch(tellOf(trans));
    const query = id ? URLExt.objectToQueryString({ id }) : "";
    const content = new ViewTab({
      connect: () => new settings.WebSocket(labs.api.socketUrl(`${labPath(lab)}/views/${view}${query}`)),
      explain: () => refusal(labs.api, lab, trans),
      load: kind.load,
      loadPlotly: () => loadPlotly(settings),
      served: {
        lost: trans.__("The server does not answer. What is stored is safe; this view goes on when it is back."),
        notebookLabel: trans.__("Open in a notebook"),
        openNotebook,
      },
      words: {
        opening: trans.__("Opening…"),
        failed: trans.__("This could not be loaded from the server."),
        retry: trans.__("Retry"),
      },
    });
    const tab = new MainAreaWidget({ content });
    tab.title.label = kind.title(trans, labName(lab), id);
    tab.title.caption = [tab.title.label, lab, id].filter(Boolean).join("\n");
    tab.title.icon = kind.icon;
    if (view === "cards") void this.#nameByPrompt(tab, lab, id);
    tab.toolbar.addClass("pplab-tab-toolbar");
    for (const [name, button] of Object.entries(this.#buttons({ view, lab, id }, openNotebook)))
      tab.toolbar.addItem(`pplab-${name}`, button);
    return tab;
  }

  /** What a tab's toolbar holds: the way to a notebook, which has the kernel that a tab has not. */
  #buttons({ view, lab }: ViewAddress, openNotebook: () => void): Record<string, ToolbarButton> {
    const { app, trans } = this;
    if (view !== "calibration") {
      const tooltip = trans.__("Show this in a new notebook, with a kernel that can run, retry and rate");
      const label = trans.__("Open in a notebook");
      return { notebook: new ToolbarButton({ label, tooltip, icon: notebookIcon, onClick: openNotebook }) };
    }
    return {
      notebook: new ToolbarButton({
        label: trans.__("Use it in a notebook"),
        tooltip: trans.__("Open the experiment studio with these ranges in a new notebook, with a kernel"),
        icon: studioIcon,
        onClick: openNotebook,
      }),
      anew: new ToolbarButton({
        label: trans.__("Calibrate anew"),
        tooltip: trans.__("Answer the quiz again in a new notebook, with a kernel; this calibration stays"),
        icon: calibrationIcon,
        onClick: () => void app.commands.execute("pplab:calibrate", { lab }),
      }),
    };
  }
}

function tabId({ view, lab, id = "" }: ViewAddress): string {
  return `pplab-${view}-${encodeURIComponent(`${lab}/${id}`)}`;
}

/** Return a listener that tells the user of an error. */
function tellOf(trans: TranslationBundle): (error: unknown) => void {
  return (error) =>
    void Notification.error(
      trans.__("The notebook could not be opened: %1", error instanceof Error ? error.message : ""),
    );
}

/** Return why the server does not open a lab, or null where it does not say. */
async function refusal(
  api: Api,
  lab: string,
  trans: TranslationBundle,
): Promise<{ message: string; hint: string } | null> {
  try {
    await api.experiments(lab, { limit: 1 });
  } catch (error) {
    if (error instanceof ApiError) return error;
    if (error instanceof ServerExtensionMissing) {
      const hint = trans.__("Install pplab where the Jupyter server runs, and start the server again.");
      return { message: trans.__("pplab is not part of this server."), hint };
    }
  }
  return null;
}

/** Return the address that a link holds, if it is one. */
function linked(search: string): ViewAddress | undefined {
  try {
    const { view, lab, id } = JSON.parse(new URLSearchParams(search).get(LINK) ?? "") as Partial<ViewAddress>;
    if (!view || !(view in VIEWS) || typeof lab !== "string") return undefined;
    return { view, lab, ...(typeof id === "string" ? { id } : {}) };
  } catch {
    return undefined;
  }
}

function addViewCommands(app: JupyterFrontEnd, tabs: Tabs, labs: ILabs, trans: TranslationBundle): void {
  const { commands } = app;
  commands.addCommand(OPEN, {
    label: trans.__("Open a view of a lab"),
    execute: (args: Arguments) => tabs.open(args as unknown as ViewAddress),
  });
  commands.addCommand("pplab:open-experiment", {
    label: trans.__("Open experiment"),
    caption: trans.__("Show an experiment's verdict, table, chart and answers"),
    execute: ({ lab, id }: Arguments) => tabs.open({ view: "cards", lab: String(lab), id: String(id) }),
  });
  commands.addCommand("pplab:open-calibration", {
    label: trans.__("Open calibration"),
    caption: trans.__("Show a calibration's answers, and the ranges and persona that they led to"),
    execute: ({ lab, id }: Arguments) => tabs.open({ view: "calibration", lab: String(lab), id: String(id) }),
  });
  commands.addCommand("pplab:open-trace", {
    label: trans.__("Open trace"),
    caption: trans.__("Show where the time of a cell, an operation or a call went"),
    execute: ({ lab, id }: Arguments) => tabs.open({ view: "trace", lab: String(lab), id: String(id) }),
  });
  const openOfLab = (view: ViewName) => async (args: Arguments) => {
    const lab = await chosenLab(args, labs);
    if (lab !== null) return tabs.open({ view, lab });
    Notification.info(trans.__("There is no lab yet in this folder or below: make an experiment notebook and run it."));
  };
  const faces = commandFaces(trans);
  commands.addCommand("pplab:dashboard", { ...faces["pplab:dashboard"], execute: openOfLab("dashboard") });
  commands.addCommand("pplab:timing", { ...faces["pplab:timing"], execute: openOfLab("timing") });
  commands.addCommand("pplab:audit", { ...faces["pplab:audit"], execute: openOfLab("console") });
}

/** The lab that is named, else the one that is chosen, else none. */
async function chosenLab({ lab }: Arguments, labs: ILabs): Promise<string | null> {
  if (typeof lab === "string" && lab) return lab;
  if (!labs.chosen) await labs.refresh();
  return labs.chosen?.lab ?? null;
}

function addKernelCommands(
  app: JupyterFrontEnd,
  labs: ILabs,
  browser: IDefaultFileBrowser | null,
  trans: TranslationBundle,
): void {
  const faces = commandFaces(trans);
  const magics = { "pplab:calibrate": "calibrate", "pplab:studio": "studio" } as const;
  for (const [command, magic] of Object.entries(magics) as [keyof typeof magics, string][]) {
    app.commands.addCommand(command, {
      ...faces[command],
      execute: async (args: Arguments) => {
        const lab = await chosenLab(args, labs);
        const here = app.serviceManager.contents.localPath(browser?.model.path ?? "");
        const folder = lab === null ? here : labFolder(lab);
        await runInNotebook(app, trans, folder, cellOf(lab ?? "", magic)).catch(tellOf(trans));
      },
    });
  }
}

export const tabs: JupyterFrontEndPlugin<void> = {
  id: "pplab:tabs",
  description:
    "Opens experiments, calibrations, the dashboard, the audit console and timing in tabs, without a kernel.",
  autoStart: true,
  requires: [ILabs],
  optional: [ILabShell, ILayoutRestorer, IRouter, IDefaultFileBrowser, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    labs: ILabs,
    shell: ILabShell | null,
    restorer: ILayoutRestorer | null,
    router: IRouter | null,
    browser: IDefaultFileBrowser | null,
    translator: ITranslator | null,
  ) => {
    const trans = (translator ?? nullTranslator).load("pplab");
    const made = new Tabs(app, labs, trans, shell !== null);
    addViewCommands(app, made, labs, trans);
    addKernelCommands(app, labs, browser, trans);
    if (!shell) return;
    void restorer?.restore(made.tracker, { command: OPEN, args: (tab) => made.address(tab), name: (tab) => tab.id });
    const command = "pplab:open-link";
    app.commands.addCommand(command, {
      label: trans.__("Open a linked view"),
      execute: (args: Arguments) => {
        const address = linked(String(args.search ?? ""));
        if (address) void app.restored.then(() => made.open(address));
      },
    });
    router?.register({ command, pattern: new RegExp(`[?&]${LINK}=`) });
  },
};
