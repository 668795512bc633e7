// The audit console: filters and toolbar above, the events or the time line below, an event's chain of cause beside them.

import "./style.css";
import { freshId, h } from "../shared/dom.js";
import { Downloader } from "../shared/download.js";
import type { ConsoleWire, EventLine } from "../shared/generated/console.js";
import { Tabs } from "../shared/tabs.js";
import { trans } from "../shared/translation.js";
import { type View, widget } from "../shared/view.js";
import { ChainPanel } from "./chain.js";
import { EventsTable } from "./events.js";
import { Filters } from "./filters.js";
import { Timeline } from "./timeline.js";
import { Toolbar } from "./toolbar.js";

class Console {
  readonly #view: View<ConsoleWire>;
  readonly #id = freshId("view");
  readonly #downloader: Downloader;
  readonly #events: EventsTable;
  readonly #chain: ChainPanel;

  constructor(view: View<ConsoleWire>) {
    this.#view = view;
    this.#downloader = new Downloader(view.frame.root);
    const filters = new Filters({ onChange: (values) => view.change(values) });
    const toolbar = new Toolbar({
      onVerify: () => view.send({ kind: "verify" }),
      onExport: (format) => view.send({ kind: "export", format, view: this.#id }),
    });
    this.#events = new EventsTable({
      onOpen: (line) => this.#open(line),
      onCorrelation: (correlation) => view.change({ correlation }),
      onOlder: (before) => view.send({ kind: "more", before }),
    });
    this.#chain = new ChainPanel({
      onOpen: (id) => view.send({ kind: "walk", id }),
      onClose: () => this.#events.focus(),
    });
    const timeline = new Timeline();
    const tabs = new Tabs(trans("The audit"), [
      { name: trans("Events"), element: h("div", { class: "pplab-split" }, this.#events.element, this.#chain.element) },
      { name: trans("Time line"), element: timeline.element },
    ]);
    const bar = h("div", { class: "pplab-console-bar" }, tabs.list, toolbar.element);
    view.frame.body.append(h("div", { class: "pplab-console" }, filters.element, bar, ...tabs.panels));
    view.watch(["choices", "event", "actor", "correlation", "since", "until"], (traits) => filters.draw(traits));
    view.watch(["chain", "busy"], (traits) => toolbar.draw(traits));
    view.watch(["bars"], ({ bars }) => timeline.draw(bars));
    const ready = () => view.send({ kind: "ready" });
    view.listen((message) => this.#receive(message), ready);
    ready();
  }

  #open(line: EventLine): void {
    this.#chain.drawLoading(line.event);
    this.#view.send({ kind: "walk", id: line.id });
  }

  #receive(message: ConsoleWire["fromKernel"]): void {
    if (message.kind === "rows") this.#events.draw(message);
    else if (message.kind === "walked") this.#chain.draw(message);
    else if (message.view === this.#id && this.#downloader.add(message))
      this.#view.frame.toast([trans("%1 downloaded", message.name), message.note].filter(Boolean).join(". "));
  }
}

export default widget<ConsoleWire>("console", (view) => {
  new Console(view);
});
