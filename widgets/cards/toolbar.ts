// What stands above the cards: sort, filter by status, filter by setting.

import { fill, h } from "../shared/dom.js";
import type { CardsView } from "./index.js";

const MEASURES = ["latency_ms", "output_tokens", "cost"];

/** The choices of which cards are shown and how they are sorted. */
export class Toolbar {
  readonly element = h("div", { class: "pplab-actions pplab-toolbar", role: "group", "aria-label": "Choose answers" });
  readonly #view: CardsView;
  readonly #sort = h("select", { "aria-label": "Sort by" });
  readonly #status = h("select", { "aria-label": "Status" });
  readonly #setting = h("select", { "aria-label": "Setting" });

  constructor(view: CardsView, changed: () => void) {
    this.#view = view;
    const labelled = (words: string, select: HTMLElement) => h("label", {}, h("span", {}, words), select);
    this.element.append(
      labelled("Sort", this.#sort),
      labelled("Status", this.#status),
      labelled("Setting", this.#setting),
    );
    this.element.addEventListener("change", changed);
  }

  /** Whether the cards stand in another order than the plan's. */
  get sorted(): boolean {
    return this.#sort.value !== "";
  }

  /** The choices as the kernel takes them. */
  get wishes() {
    const setting = this.#setting.value;
    return { sort: this.#sort.value, status: this.#status.value, setting: setting ? Number(setting) : -1 };
  }

  /** Offer what there is, and keep what was chosen. */
  draw(): void {
    const metrics = this.#view.get("metrics");
    const named = (name: string) => [name, name.replace("_ms", "").replaceAll("_", " ")] as const;
    offer(this.#sort, [["", "plan"], ...[...metrics, ...MEASURES].map(named)]);
    const statuses = Object.entries(this.#view.get("statuses"));
    offer(this.#status, [["", "all"], ...statuses.map(([name, count]) => [name, `${name} (${count})`] as const)]);
    offer(this.#setting, [
      ["", "all"],
      ...this.#view.get("settings").map((label, index) => [String(index), label] as const),
    ]);
  }
}

function offer(select: HTMLSelectElement, options: readonly (readonly [string, string])[]): void {
  const chosen = select.value;
  fill(select, ...options.map(([value, label]) => h("option", { value }, label)));
  if (options.some(([value]) => value === chosen)) select.value = chosen;
}
