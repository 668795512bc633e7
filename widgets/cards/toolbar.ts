// What stands above the cards: sort, filter by status, filter by setting.

import { fill, h } from "../shared/dom.js";
import type { Wanted } from "../shared/generated/cards.js";
import type { CardsView } from "./index.js";

const MEASURES = ["latency_ms", "output_tokens", "cost"];

/** The choices of which cards are shown and how they are sorted. */
export class Toolbar {
  readonly element = h("div", { class: "pplab-actions pplab-toolbar", role: "group", "aria-label": "Choose answers" });
  readonly #view: CardsView;
  readonly #sort = h("select");
  readonly #status = h("select");
  readonly #setting = h("select");

  constructor(view: CardsView, changed: (wanted: Wanted) => void) {
    this.#view = view;
    const labelled = (words: string, select: HTMLElement) => h("label", {}, h("span", {}, words), select);
    this.element.append(
      labelled("Sort", this.#sort),
      labelled("Status", this.#status),
      labelled("Setting", this.#setting),
    );
    this.element.addEventListener("change", () => changed(this.#wanted));
  }

  get #wanted(): Wanted {
    const setting = this.#setting.value;
    return { page: 0, sort: this.#sort.value, status: this.#status.value, setting: setting ? Number(setting) : -1 };
  }

  /** Offer what there is, and show what is chosen, here or in another view. */
  draw(): void {
    const { sort, status, setting } = this.#view.get("wanted");
    const metrics = this.#view.get("metrics");
    const named = (name: string) => [name, name.replace("_ms", "").replaceAll("_", " ")] as const;
    offer(this.#sort, [["", "plan"], ...[...metrics, ...MEASURES].map(named)], sort);
    const statuses = Object.entries(this.#view.get("statuses"));
    const counted = statuses.map(([name, count]) => [name, `${name} (${count.toLocaleString("en-US")})`] as const);
    offer(this.#status, [["", "all"], ...counted], status);
    const settings = this.#view.get("settings").map((label, index) => [String(index), label] as const);
    offer(this.#setting, [["", "all"], ...settings], setting < 0 ? "" : String(setting));
  }
}

function offer(select: HTMLSelectElement, options: readonly (readonly [string, string])[], chosen: string): void {
  fill(select, ...options.map(([value, label]) => h("option", { value }, label)));
  select.value = chosen;
  if (select.selectedIndex < 0) select.value = "";
}
