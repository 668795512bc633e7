// Tabs: one panel shown at a time, chosen by mouse or by the arrow keys (WAI-ARIA Authoring Practices, "Tabs").

import { freshId, h } from "./dom.js";

interface Tab {
  readonly name: string;
  readonly element: HTMLElement;
}

export class Tabs {
  readonly list: HTMLElement;
  readonly panels: HTMLElement[];
  readonly #buttons: HTMLButtonElement[];

  constructor(name: string, tabs: readonly Tab[], selected = 0) {
    const ids = tabs.map(() => freshId("tab"));
    this.#buttons = tabs.map((tab, index) =>
      h(
        "button",
        { type: "button", role: "tab", id: ids[index], class: "pplab-tab", onclick: () => this.#show(index) },
        tab.name,
      ),
    );
    this.panels = tabs.map((tab, index) => h("div", { role: "tabpanel", "aria-labelledby": ids[index] }, tab.element));
    this.list = h("div", { role: "tablist", "aria-label": name, class: "pplab-tabs" }, ...this.#buttons);
    this.list.addEventListener("keydown", (event) => this.#move(event));
    this.#show(selected);
  }

  #show(selected: number): void {
    for (const [index, tab] of this.#buttons.entries()) {
      tab.setAttribute("aria-selected", String(index === selected));
      tab.tabIndex = index === selected ? 0 : -1;
    }
    for (const [index, panel] of this.panels.entries()) panel.hidden = index !== selected;
  }

  #move(event: KeyboardEvent): void {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const count = this.#buttons.length;
    const next = (this.#buttons.findIndex((tab) => tab.tabIndex === 0) + step + count) % count;
    this.#show(next);
    this.#buttons[next]?.focus();
    event.preventDefault();
  }
}
