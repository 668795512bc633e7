// What stands above the cards: sort, filter by status, by setting, and by each factor where there are several.

import { fill, h } from "../shared/dom.js";
import type { CardsTraits, FactorChoice, PageRequest } from "../shared/generated/cards.js";
import { drawOptions } from "../shared/select.js";
import { trans } from "../shared/translation.js";

interface ToolbarOptions {
  readonly onWant: (wanted: PageRequest) => void;
}

/** The choices of which cards are shown and how they are sorted. */
export class Toolbar {
  readonly element = h("div", {
    class: "pplab-actions pplab-toolbar",
    role: "group",
    "aria-label": trans("Choose answers"),
  });
  readonly #sort = h("select");
  readonly #status = h("select");
  readonly #setting = h("select");
  readonly #factors = h("span", { class: "pplab-factors" });
  #offered: readonly FactorChoice[] = [];

  constructor(options: ToolbarOptions) {
    this.element.append(
      labelled(trans("Sort"), this.#sort),
      labelled(trans("Status"), this.#status),
      labelled(trans("Setting"), this.#setting),
      this.#factors,
    );
    this.element.addEventListener("change", () => options.onWant(this.#choice));
  }

  get #choice(): PageRequest {
    const setting = this.#setting.value;
    const chosen = [...this.#factors.querySelectorAll("select")].filter(({ value }) => value);
    const levels = Object.fromEntries(chosen.map(({ name, value }) => [name, Number(value)]));
    return {
      page: 0,
      sort: this.#sort.value,
      status: this.#status.value,
      setting: setting ? Number(setting) : -1,
      levels,
    };
  }

  /** Offer what there is, and show what is chosen, here or in another view. */
  draw({
    wanted,
    metrics,
    statuses,
    settings,
    factors,
  }: Pick<CardsTraits, "wanted" | "metrics" | "statuses" | "settings" | "factors">): void {
    const { sort, status, setting } = wanted;
    const measures = metrics.map((name) => option(name, name.replaceAll("_", " ")));
    const facts = [
      option("latency_ms", trans("latency")),
      option("output_tokens", trans("output tokens")),
      option("cost", trans("cost")),
    ];
    drawOrFirst(this.#sort, [option("", trans("planned order")), ...measures, ...facts], sort);
    const counts = Object.entries(statuses).map(([name, count]) =>
      option(name, `${name} (${count.toLocaleString("en-US")})`),
    );
    drawOrFirst(this.#status, [option("", trans("all")), ...counts], status);
    const labels = settings.map((label, index) => option(String(index), label));
    drawOrFirst(this.#setting, [option("", trans("all")), ...labels], setting < 0 ? "" : String(setting));
    this.#drawFactors(factors, wanted.levels);
  }

  /** Offer the levels of each factor; of a single factor the settings are the levels. */
  #drawFactors(factors: readonly FactorChoice[], levels: PageRequest["levels"]): void {
    if (factors !== this.#offered) {
      const several = factors.length > 1 ? factors : [];
      fill(this.#factors, ...several.map(({ name, title }) => labelled(title, h("select", { name }))));
      this.#offered = factors;
    }
    for (const select of this.#factors.querySelectorAll("select")) {
      const words = factors.find(({ name }) => name === select.name)?.levels ?? [];
      const options = words.map((label, index) => option(String(index), label));
      drawOrFirst(select, [option("", trans("all")), ...options], String(levels[select.name] ?? ""));
    }
  }
}

const labelled = (words: string, select: HTMLElement) => h("label", {}, h("span", {}, words), select);

const option = (value: string, label: string) => ({ value, label });

/** Offer options; a value that is no longer among them falls back to the first one. */
function drawOrFirst(select: HTMLSelectElement, options: readonly ReturnType<typeof option>[], value: string): void {
  drawOptions(select, options, value);
  if (select.selectedIndex < 0) select.value = "";
}
