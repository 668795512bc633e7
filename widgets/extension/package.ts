// Files of ours in the file browser: a package opens in a viewer, recordings and exported tables in a preview.

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from "@jupyterlab/application";
import { Notification } from "@jupyterlab/apputils";
import { PathExt } from "@jupyterlab/coreutils";
import { ABCWidgetFactory, Base64ModelFactory, type DocumentRegistry, DocumentWidget } from "@jupyterlab/docregistry";
import type { Contents } from "@jupyterlab/services";
import { ISettingRegistry } from "@jupyterlab/settingregistry";
import { ITranslator, nullTranslator, type TranslationBundle } from "@jupyterlab/translation";
import type { LabIcon } from "@jupyterlab/ui-components";
import { Widget } from "@lumino/widgets";
import { h } from "../shared/dom.js";
import { describePackage, importPackage, previewFile } from "./file_api.js";
import { packageIcon, recordingIcon, tableIcon } from "./icons.js";
import { runInNotebook } from "./kernel_notebook.js";
import { ILabs } from "./labs.js";
import { candidates } from "./notebook_footers.js";
import { watchSettings } from "./settings.js";

const MODEL = "pplab-file";
const OPEN = "pplab:open-experiment";

/** The model of a file whose content the browser never asks for: the server reads it. */
class UnreadModelFactory extends Base64ModelFactory {
  override get name(): string {
    return MODEL;
  }

  override get fileFormat(): Contents.FileFormat {
    return null;
  }
}

type Draw = (root: HTMLElement, path: string) => Promise<void>;

/** A file's page, drawn again when the file changes. */
class FileView extends Widget {
  private readonly page = h("div", { class: "pplab-widget" });

  constructor(
    private readonly context: DocumentRegistry.Context,
    private readonly draw: (root: HTMLElement) => Promise<void>,
  ) {
    super();
    this.addClass("pplab-file");
    this.node.append(this.page);
    void context.ready.then(() => this.refresh());
    context.fileChanged.connect(this.refresh, this);
  }

  private refresh(): void {
    if (!this.isDisposed && this.context.isReady) void this.draw(this.page);
  }
}

class FileViewFactory extends ABCWidgetFactory<DocumentWidget<FileView>> {
  constructor(
    options: DocumentRegistry.IWidgetFactoryOptions,
    private readonly drawFile: Draw,
    private readonly localPath: (path: string) => string,
    private readonly icon: LabIcon,
  ) {
    super(options);
  }

  protected override createNewWidget(context: DocumentRegistry.Context): DocumentWidget<FileView> {
    const content = new FileView(context, (root) => this.drawFile(root, this.localPath(context.path)));
    const widget = new DocumentWidget({ content, context });
    widget.title.icon = this.icon;
    return widget;
  }
}

export const files: JupyterFrontEndPlugin<void> = {
  id: "pplab:files",
  description: "Opens packages in a viewer, and previews recordings and exported tables.",
  autoStart: true,
  requires: [ILabs],
  optional: [ISettingRegistry, ITranslator],
  activate: (app: JupyterFrontEnd, labs: ILabs, registry: ISettingRegistry | null, translator: ITranslator | null) => {
    const trans = (translator ?? nullTranslator).load("pplab");
    let notify = true;
    void watchSettings(registry, (settings) => {
      notify = settings.notifications;
    });
    const { docRegistry, commands } = app;
    const localPath = (path: string) => app.serviceManager.contents.localPath(path);
    docRegistry.addModelFactory(new UnreadModelFactory());
    for (const type of fileTypes(trans)) docRegistry.addFileType(type);
    const add = (name: string, label: string, types: string[], defaults: string[], icon: LabIcon, draw: Draw) => {
      const options = { name, label, fileTypes: types, defaultFor: defaults, modelName: MODEL, readOnly: true };
      const factory = new FileViewFactory(options, draw, localPath, icon);
      docRegistry.addWidgetFactory(factory as DocumentRegistry.WidgetFactory); // its types are not for exact optional properties
    };
    const types = ["pplab-parquet", "pplab-recording"];
    add("pplab package", trans.__("Package"), ["pplab-package"], ["pplab-package"], packageIcon, drawPackageFile);
    add("pplab preview", trans.__("Preview"), [...types, "jsonl"], types, tableIcon, drawPreviewFile);

    function download(path: string): void {
      void app.serviceManager.contents.getDownloadUrl(path).then((url) => {
        const link = document.createElement("a");
        link.href = url;
        link.download = "";
        link.click();
      });
    }

    async function drawPackageFile(root: HTMLElement, path: string): Promise<void> {
      const { drawPackage, drawRefusal, errorWords, replayCell } = await import(
        /* webpackChunkName: "view_package" */ "./package_view.js"
      );
      try {
        const found = await describePackage(labs.api, path);
        if ("refused" in found) {
          const words = trans.__("JupyterLab has no viewer for this file: %1.", found.refused);
          drawRefusal(root, trans, words, () => download(path));
          return;
        }
        if (labs.state === "loading") await labs.refresh();
        const names = new Map(labs.list.map(({ lab, name }) => [lab, name]));
        drawPackage(root, trans, found, {
          labs: candidates(labs.list, path, true).map((lab) => [lab, names.get(lab) ?? lab] as const),
          importInto: (lab) => importInto(path, lab),
          open: commands.hasCommand(OPEN) ? (lab, id) => void commands.execute(OPEN, { lab, id }) : null,
          replay: () => void runInNotebook(app, trans, PathExt.dirname(path), replayCell(PathExt.basename(path))),
          download: () => download(path),
        });
      } catch (error) {
        drawRefusal(root, trans, errorWords(error), () => download(path));
      }
    }

    async function importInto(path: string, lab: string) {
      const outcome = await importPackage(labs.api, path, lab);
      const id = outcome.experiments[0];
      const action = {
        label: trans.__("Open results"),
        caption: trans.__("Open its results in a tab"),
        callback: () => void commands.execute(OPEN, { lab, id }),
      };
      if (notify) Notification.success(outcome.words, { actions: id && commands.hasCommand(OPEN) ? [action] : [] });
      return outcome;
    }

    async function drawPreviewFile(root: HTMLElement, path: string): Promise<void> {
      const [{ drawPreview }, { drawRefusal, errorWords }] = await Promise.all([
        import(/* webpackChunkName: "view_preview" */ "./preview_view.js"),
        import(/* webpackChunkName: "view_package" */ "./package_view.js"),
      ]);
      try {
        const found = await previewFile(labs.api, path);
        if ("refused" in found) drawRefusal(root, trans, found.refused, () => download(path));
        else drawPreview(root, trans, PathExt.basename(path), found);
      } catch (error) {
        drawRefusal(root, trans, errorWords(error), () => download(path));
      }
    }
  },
};

function fileTypes(trans: TranslationBundle): DocumentRegistry.IFileType[] {
  const binary = { contentType: "file", fileFormat: "base64" } as const;
  const zip = {
    name: "pplab-package",
    displayName: trans.__("Package of a lab"),
    extensions: [".zip"],
    icon: packageIcon,
  };
  const parquet = {
    name: "pplab-parquet",
    displayName: trans.__("Parquet table"),
    extensions: [".parquet"],
    icon: tableIcon,
  };
  const recording = {
    name: "pplab-recording",
    displayName: trans.__("Recording of calls"),
    extensions: [],
    pattern: "^(calls|.*recording.*)\\.jsonl$", // a file type knows no folder, so by its name alone
    icon: recordingIcon,
    mimeTypes: ["application/jsonl"],
  };
  return [
    { ...binary, mimeTypes: ["application/zip"], ...zip },
    { ...binary, mimeTypes: ["application/vnd.apache.parquet"], ...parquet },
    { contentType: "file", fileFormat: "text", ...recording },
  ];
}
