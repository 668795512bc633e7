// The way from one page of answers to the next.

import { button, fill, h } from "../shared/dom.js";
import type { Page } from "../shared/generated/cards.js";
import { trans } from "../shared/translation.js";

const PAGE_SIZE = 100;

interface PagerOptions {
  readonly onTurn: (page: number) => void;
}

export class Pager {
  readonly element = h("nav", { class: "pplab-actions pplab-pager", "aria-label": trans("Pages of answers") });
  readonly #options: PagerOptions;

  constructor(options: PagerOptions) {
    this.#options = options;
  }

  /** Say which answers are shown, and offer the pages before and after; a single page needs no pager. */
  draw({ cards, page, total }: Omit<Page, "kind">): void {
    const pages = Math.ceil(total / PAGE_SIZE);
    if (pages < 2) {
      this.clear();
      return;
    }
    const first = page * PAGE_SIZE + 1;
    const [from, to, of] = [first, first + cards.length - 1, total].map((count) => count.toLocaleString("en-US"));
    const previous = button(trans("Previous page"), () => this.#options.onTurn(page - 1));
    const next = button(trans("Next page"), () => this.#options.onTurn(page + 1));
    previous.disabled = page === 0;
    next.disabled = page >= pages - 1;
    fill(this.element, previous, h("span", {}, trans("%1 to %2 of %3", from, to, of)), next);
  }

  clear(): void {
    fill(this.element);
  }
}
