// A list of any length of which only the rows in sight are elements: a listbox by the WAI-ARIA Authoring Practices.

import { freshId, h } from "../../shared/dom.js";

/** What a windowed list shows and does. */
export interface WindowedRows {
  /** The height of each row, in pixels. */
  readonly height: number;
  readonly name: string;
  /** Fill the element of a row, which is new or held another row before. */
  draw(element: HTMLElement, index: number): void;
  /** Rows came into sight. */
  onSeen(first: number, last: number): void;
  onOpen(index: number): void;
}

const BEYOND = 6; // rows that are drawn above and below those in sight

/** The rows from `first` to `last` (excluded) that are drawn at this place of the scroll bar: none while the list is hidden. */
export function inSight(top: number, room: number, height: number, total: number): readonly [number, number] {
  if (room === 0) return [0, 0];
  const first = Math.max(0, Math.floor(top / height) - BEYOND);
  return [Math.min(first, total), Math.min(total, Math.ceil((top + room) / height) + BEYOND)];
}

export class WindowedList {
  readonly element: HTMLElement;
  private readonly inner = h("div", { role: "none", class: "pplab-window" });
  private readonly id = freshId("list");
  private readonly elements = new Map<number, HTMLElement>();
  private total = 0;
  private active = -1;

  constructor(private readonly rows: WindowedRows) {
    this.element = h(
      "div",
      { role: "listbox", tabindex: 0, "aria-label": rows.name, class: "pplab-windowed" },
      this.inner,
    );
    this.element.addEventListener("scroll", () => this.draw(false));
    this.element.addEventListener("keydown", (event) => this.press(event));
    this.element.addEventListener("click", (event) => this.click(event));
    this.element.addEventListener("focus", () => {
      if (this.active < 0 && this.total) this.activate(this.first());
    });
    new ResizeObserver(() => this.draw(false)).observe(this.element);
  }

  /** Draw all rows in sight again, of a list of `total`. */
  update(total: number): void {
    this.total = total;
    this.inner.style.height = `${total * this.rows.height}px`;
    if (this.active >= total) this.activate(total - 1);
    this.draw(true);
  }

  /** The rows that are elements now, from the first to the last (excluded). */
  range(): readonly [number, number] {
    return inSight(this.element.scrollTop, this.element.clientHeight, this.rows.height, this.total);
  }

  /** Show the first row, and have none chosen. */
  rewind(): void {
    this.element.scrollTop = 0;
    this.activate(-1);
  }

  /** As many rows came above: whoever has scrolled or chosen a row stays with it. */
  shift(rows: number): void {
    if (this.active >= 0) {
      this.elements.get(this.active)?.setAttribute("aria-selected", "false");
      this.active += rows;
      this.inner.style.height = `${(this.total + rows) * this.rows.height}px`;
      this.element.setAttribute("aria-activedescendant", this.place(this.active, true).id);
    }
    if (this.element.scrollTop > 0) {
      this.inner.style.height = `${(this.total + rows) * this.rows.height}px`;
      this.element.scrollTop += rows * this.rows.height;
    }
  }

  focus(): void {
    this.element.focus();
  }

  private first(): number {
    return Math.ceil(this.element.scrollTop / this.rows.height);
  }

  private draw(all: boolean): void {
    const [first, last] = this.range();
    for (const [index, element] of this.elements) {
      if (index >= first && index < last) continue;
      if (index === this.active && index < this.total) continue; // named by aria-activedescendant
      element.remove();
      this.elements.delete(index);
    }
    for (let index = first; index < last; index += 1) this.place(index, all);
    if (last > first) this.rows.onSeen(first, last - 1);
  }

  private place(index: number, again: boolean): HTMLElement {
    const present = this.elements.get(index);
    const element = present ?? h("div", { role: "option", id: `${this.id}-${index}`, class: "pplab-row" });
    if (!present) {
      element.style.height = `${this.rows.height}px`;
      element.style.top = `${index * this.rows.height}px`;
      element.dataset.index = String(index);
      this.elements.set(index, element);
      this.inner.append(element);
    }
    if (!present || again) this.rows.draw(element, index);
    element.setAttribute("aria-setsize", String(this.total));
    element.setAttribute("aria-posinset", String(index + 1));
    element.setAttribute("aria-selected", String(index === this.active));
    return element;
  }

  private activate(index: number): void {
    const before = this.elements.get(this.active);
    before?.setAttribute("aria-selected", "false");
    this.active = index;
    if (index < 0) {
      this.element.removeAttribute("aria-activedescendant");
      return;
    }
    const element = this.place(index, false);
    this.element.setAttribute("aria-activedescendant", element.id);
    const top = index * this.rows.height;
    const room = this.element.clientHeight - this.rows.height;
    this.element.scrollTop = Math.min(Math.max(this.element.scrollTop, top - room), top);
  }

  private press(event: KeyboardEvent): void {
    if (event.ctrlKey || event.altKey || event.metaKey || !this.total) return;
    const page = Math.max(1, Math.floor(this.element.clientHeight / this.rows.height) - 1);
    const targets: Readonly<Record<string, number>> = {
      ArrowDown: this.active + 1,
      ArrowUp: this.active - 1,
      PageDown: this.active + page,
      PageUp: this.active - page,
      Home: 0,
      End: this.total - 1,
    };
    const target = targets[event.key];
    if (target !== undefined) this.activate(Math.min(Math.max(target, 0), this.total - 1));
    else if ((event.key === "Enter" || event.key === " ") && this.active >= 0) this.rows.onOpen(this.active);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  private click(event: MouseEvent): void {
    const row = (event.target as Element).closest<HTMLElement>("[data-index]");
    if (!row) return;
    const index = Number(row.dataset.index);
    this.activate(index);
    this.rows.onOpen(index);
  }
}
