// A JupyterLab extension: where a notebook is opened again after its kernel ended, our outputs show their static form.
//
// ipywidgets prefer the live view in a trusted notebook, and without its model say "Error displaying widget: model not found"
// beside a perfectly readable text/html. This can go when ipywidgets fall back by themselves.

const VIEW = "application/vnd.jupyter.widget-view+json";
const TIMEOUT = 500; // ms until the static form stands in for a model that may still come

interface MimeModel {
  readonly data: Readonly<Record<string, unknown>>;
}

interface Manager {
  has_model(id: string): boolean;
  readonly restoredStatus: boolean;
  readonly restored: { connect(slot: () => void): boolean; disconnect(slot: () => void): boolean };
}

interface Renderer {
  renderModel(model: MimeModel): Promise<void>;
  dispose(): void;
  readonly isDisposed: boolean;
}

/** The renderer of ipywidgets: a panel that knows its widget manager once there is a kernel. */
interface WidgetRenderer extends Renderer {
  readonly _manager?: { readonly promise: Promise<Manager> } | null;
  addWidget(widget: Renderer): void;
}

interface Factory {
  readonly safe: boolean;
  readonly mimeTypes: readonly string[];
  createRenderer(options: unknown): Renderer;
}

interface RenderMime {
  addFactory(factory: Factory, rank?: number): void;
  getFactory(mimeType: string): Factory | undefined;
  createRenderer(mimeType: string): Renderer;
}

interface Tracker {
  readonly widgetAdded: { connect(slot: (tracker: unknown, panel: Panel) => void): boolean };
  forEach(act: (panel: Panel) => void): void;
}

interface Panel {
  readonly content: { readonly rendermime: RenderMime };
}

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
function withFallback(factory: Factory, rendermime: RenderMime): Factory {
  return {
    safe: factory.safe,
    mimeTypes: factory.mimeTypes,
    createRenderer(options: unknown): Renderer {
      const renderer = factory.createRenderer(options) as WidgetRenderer;
      const renderLive = renderer.renderModel.bind(renderer);
      renderer.renderModel = async (model) => {
        const { model_id: id } = model.data[VIEW] as { readonly model_id: string };
        if (!id || !String(model.data["text/html"]).includes('class="pplab"')) return renderLive(model);
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

function install(rendermime: RenderMime): void {
  const add = rendermime.addFactory.bind(rendermime);
  rendermime.addFactory = (factory, rank) =>
    add(factory.mimeTypes.includes(VIEW) ? withFallback(factory, rendermime) : factory, rank);
  const present = rendermime.getFactory(VIEW);
  if (present) rendermime.addFactory(present, -10);
}

function activate(_app: unknown, tracker: Tracker | null): void {
  tracker?.forEach((panel) => {
    install(panel.content.rendermime);
  });
  tracker?.widgetAdded.connect((_tracker, panel) => install(panel.content.rendermime));
}

// What webpack's module federation expects of a container, written out: there is one module, and one we borrow.
type Shared = Record<string, Record<string, { get(): Promise<() => { readonly INotebookTracker: unknown }> }>>;
let shared: Shared = {};

async function plugin(): Promise<() => object> {
  const [notebook] = Object.values(shared["@jupyterlab/notebook"] ?? {});
  const optional = notebook ? [(await notebook.get())().INotebookTracker] : [];
  const description = "Shows the static form of pplab's outputs where their kernel has ended.";
  return () => ({
    __esModule: true,
    default: { id: "pplab:reopened", description, autoStart: true, optional, activate },
  });
}

const page = window as unknown as { _JUPYTERLAB?: Record<string, object> };
page._JUPYTERLAB ??= {};
page._JUPYTERLAB.pplab = {
  init: (scope: Shared) => {
    shared = scope;
  },
  get: plugin,
};

export {};
