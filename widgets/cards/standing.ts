// How a race stands: what its last look decided.

import { fill, h } from "../shared/dom.js";
import type { CardsTraits } from "../shared/generated/cards.js";

export class Standing {
  readonly element = h("div", { class: "pplab-standing", role: "status" });

  /** Show the three lines of the last look, and nothing where there is none. */
  draw({ standing }: Pick<CardsTraits, "standing">): void {
    const [headline, ...others] = standing?.lines ?? [];
    fill(this.element, headline && h("p", {}, h("strong", {}, headline)), ...others.map((line) => h("p", {}, line)));
  }
}
