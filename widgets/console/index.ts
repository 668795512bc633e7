// The audit console: filters and chain state above, the stream or the time line below, the walked chain beside it.

import "./style.css";
import { button, fill, freshId, h } from "../shared/dom.js";
import { number } from "../shared/format.js";
import type { ConsoleWire, EventLine } from "../shared/generated/console.js";
import { Saver } from "../shared/save.js";
import { Tabs } from "../shared/tabs.js";
import { type View, widget } from "../shared/view.js";
import { ChainPanel } from "./chain.js";
import { Filters } from "./filters.js";
import { Stream } from "./stream.js";
import { Timeline } from "./timeline.js";

export type ConsoleView = View<ConsoleWire>;

class Console {
  readonly #view: ConsoleView;
  readonly #me = freshId("view");
  readonly #saver: Saver;
  readonly #state = h("span", { class: "pplab-status", role: "status" });
  readonly #verify: HTMLButtonElement;
  readonly #format = h("select", { class: "pplab-control", "aria-label": "Format" });
  readonly #export: HTMLButtonElement;
  readonly #stream: Stream;
  readonly #chain: ChainPanel;

  constructor(view: ConsoleView) {
    this.#view = view;
    this.#saver = new Saver(view.root);
    this.#verify = button("Verify", () => view.send({ kind: "verify" }));
    this.#export = button("Export", () => this.#save(), "primary");
    this.#format.append(...["csv", "jsonl"].map((name) => h("option", { value: name }, name)));
    const filters = new Filters(view);
    this.#stream = new Stream({
      walk: (line) => this.#walk(line),
      narrow: (line) => view.change({ correlation: line.correlation }),
      more: (before) => view.send({ kind: "more", before }),
    });
    this.#chain = new ChainPanel(
      (id) => view.send({ kind: "walk", id }),
      () => this.#stream.focus(),
    );
    const timeline = new Timeline();
    const tabs = new Tabs("The audit", [
      { name: "Events", element: h("div", { class: "pplab-split" }, this.#stream.element, this.#chain.element) },
      { name: "Time line", element: timeline.element },
    ]);
    const state = h("div", { class: "pplab-actions" }, this.#state, this.#verify);
    const file = h("div", { class: "pplab-actions" }, this.#format, this.#export);
    const bar = h("div", { class: "pplab-console-bar" }, tabs.list, h("div", { class: "pplab-actions" }, state, file));
    view.body.append(h("div", { class: "pplab-console" }, filters.element, bar, ...tabs.panels));
    view.on("chain", () => this.#drawState());
    view.on("busy", () => this.#drawState());
    view.on("bars", (bars) => timeline.draw(bars));
    const ready = () => view.send({ kind: "ready" });
    view.listen((message) => this.#hear(message), ready);
    ready();
  }

  #walk(line: EventLine): void {
    this.#chain.wait(line.event);
    this.#view.send({ kind: "walk", id: line.id });
  }

  #save(): void {
    const format = this.#format.value === "csv" ? "csv" : "jsonl";
    this.#view.send({ kind: "export", format, view: this.#me });
  }

  #hear(message: ConsoleWire["fromKernel"]): void {
    if (message.kind === "rows") this.#stream.take(message);
    else if (message.kind === "walked") this.#chain.show(message);
    else if (message.view === this.#me && this.#saver.take(message))
      this.#view.toast([`${message.name} downloaded`, message.note].filter(Boolean).join(". "));
  }

  #drawState(): void {
    const { head, verified, broken } = this.#view.get("chain");
    const busy = this.#view.get("busy");
    this.#verify.disabled = this.#export.disabled = busy !== "";
    const words = broken
      ? broken
      : verified === null
        ? `${number(head)} rows, not verified yet`
        : `Verified up to row ${number(verified)} of ${number(head)}`;
    this.#state.dataset.status = broken ? "failed" : verified === null ? "unknown" : "completed";
    fill(this.#state, busy || words);
  }
}

export default widget<ConsoleWire>("console", (view) => {
  new Console(view);
});
