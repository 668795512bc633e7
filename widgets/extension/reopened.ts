// A JupyterLab extension: where a notebook is opened again after its kernel ended, our outputs show their static form.
//
// ipywidgets prefer the live view in a trusted notebook, and without its model say "Error displaying widget: model not found"
// beside a perfectly readable text/html. This can go when ipywidgets fall back by themselves.

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from "@jupyterlab/application";
import { INotebookTracker } from "@jupyterlab/notebook";
import type { IRenderMime, IRenderMimeRegistry } from "@jupyterlab/rendermime";
import type { Panel } from "@lumino/widgets";

const VIEW = "application/vnd.jupyter.widget-view+json";
const OURS = /class="pplab"|^<small>pplab: /; // the second: what stands in for the cards of a run while it is under way
const TIMEOUT = 500; // ms until the static form stands in for a model that may still come

interface Manager {
  has_model(id: string): boolean;
  readonly restoredStatus: boolean;
  readonly restored: { connect(slot: () => void): boolean; disconnect(slot: () => void): boolean };
}

/** The renderer of ipywidgets: a panel that knows its widget manager once there is a kernel. */
type WidgetRenderer = Panel &
  IRenderMime.IRenderer & { readonly _manager?: { readonly promise: Promise<Manager> } | null };

/** Whether the model with this id is there, once the manager has restored its models. */
async function hasModel(renderer: WidgetRenderer, id: string): Promise<boolean> {
  const manager = await renderer._manager?.promise;
  if (!manager) return true;
  if (!manager.has_model(id) && !manager.restoredStatus) {
    await new Promise<void>((resolve) => {
      const once = () => {
        manager.restored.disconnect(once);
        resolve();
      };
      manager.restored.connect(once);
    });
  }
  return manager.has_model(id);
}

/** Return the factory of ipywidgets, except that our outputs show their HTML as long as their model is not there. */
function withFallback(
  factory: IRenderMime.IRendererFactory,
  rendermime: IRenderMimeRegistry,
): IRenderMime.IRendererFactory {
  return {
    safe: factory.safe,
    mimeTypes: factory.mimeTypes,
    createRenderer(options: IRenderMime.IRendererOptions): IRenderMime.IRenderer {
      const renderer = factory.createRenderer(options) as WidgetRenderer;
      const renderLive = renderer.renderModel.bind(renderer);
      renderer.renderModel = async (model) => {
        const { model_id: id } = model.data[VIEW] as { readonly model_id: string };
        if (!id || !OURS.test(String(model.data["text/html"]))) return renderLive(model);
        const modelFound = hasModel(renderer, id);
        const timeout = new Promise<boolean>((resolve) => setTimeout(() => resolve(false), TIMEOUT));
        if (await Promise.race([modelFound, timeout])) return renderLive(model);
        if (renderer.isDisposed) return;
        const fallback = rendermime.createRenderer("text/html");
        await fallback.renderModel(model);
        renderer.addWidget(fallback);
        void modelFound.then((found) => {
          if (!found || renderer.isDisposed) return;
          fallback.dispose();
          void renderLive(model);
        });
      };
      return renderer;
    },
  };
}

function install(rendermime: IRenderMimeRegistry): void {
  const add = rendermime.addFactory.bind(rendermime);
  rendermime.addFactory = (factory, rank) =>
    add(factory.mimeTypes.includes(VIEW) ? withFallback(factory, rendermime) : factory, rank);
  const present = rendermime.getFactory(VIEW);
  if (present) rendermime.addFactory(present, -10);
}

export const reopened: JupyterFrontEndPlugin<void> = {
  id: "pplab:reopened",
  description: "Shows the static form of pplab's outputs where their kernel has ended.",
  autoStart: true,
  optional: [INotebookTracker],
  activate: (_app: JupyterFrontEnd, tracker: INotebookTracker | null) => {
    tracker?.forEach((panel) => {
      install(panel.content.rendermime);
    });
    tracker?.widgetAdded.connect((_tracker, panel) => install(panel.content.rendermime));
  },
};
