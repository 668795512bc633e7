// What stands above the cards: sort, filter by status, filter by setting.

import { h } from "../shared/dom.js";
import type { CardsTraits, PageRequest } from "../shared/generated/cards.js";
import { drawOptions } from "../shared/select.js";

const FACTS = ["latency_ms", "output_tokens", "cost"];

interface ToolbarOptions {
  readonly onWant: (wanted: PageRequest) => void;
}

/** The choices of which cards are shown and how they are sorted. */
export class Toolbar {
  readonly element = h("div", { class: "pplab-actions pplab-toolbar", role: "group", "aria-label": "Choose answers" });
  readonly #sort = h("select");
  readonly #status = h("select");
  readonly #setting = h("select");

  constructor(options: ToolbarOptions) {
    const label = (words: string, select: HTMLElement) => h("label", {}, h("span", {}, words), select);
    this.element.append(label("Sort", this.#sort), label("Status", this.#status), label("Setting", this.#setting));
    this.element.addEventListener("change", () => options.onWant(this.#choice));
  }

  get #choice(): PageRequest {
    const setting = this.#setting.value;
    return { page: 0, sort: this.#sort.value, status: this.#status.value, setting: setting ? Number(setting) : -1 };
  }

  /** Offer what there is, and show what is chosen, here or in another view. */
  draw({
    wanted,
    metrics,
    statuses,
    settings,
  }: Pick<CardsTraits, "wanted" | "metrics" | "statuses" | "settings">): void {
    const { sort, status, setting } = wanted;
    const measures = [...metrics, ...FACTS].map((name) => option(name, name.replace("_ms", "").replaceAll("_", " ")));
    drawOrFirst(this.#sort, [option("", "planned order"), ...measures], sort);
    const counts = Object.entries(statuses).map(([name, count]) =>
      option(name, `${name} (${count.toLocaleString("en-US")})`),
    );
    drawOrFirst(this.#status, [option("", "all"), ...counts], status);
    const labels = settings.map((label, index) => option(String(index), label));
    drawOrFirst(this.#setting, [option("", "all"), ...labels], setting < 0 ? "" : String(setting));
  }
}

const option = (value: string, label: string) => ({ value, label });

/** Offer options; a value that is no longer among them falls back to the first one. */
function drawOrFirst(select: HTMLSelectElement, options: readonly ReturnType<typeof option>[], value: string): void {
  drawOptions(select, options, value);
  if (select.selectedIndex < 0) select.value = "";
}
