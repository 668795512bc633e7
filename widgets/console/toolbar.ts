// The state of the audit's hash chain, its verification, and the export of the events.

import { button, fill, h } from "../shared/dom.js";
import { number } from "../shared/format.js";
import type { ConsoleTraits, Export } from "../shared/generated/console.js";
import { trans } from "../shared/translation.js";

type Format = Export["format"];

const FORMATS: readonly Format[] = ["csv", "jsonl"];

interface ToolbarOptions {
  readonly onVerify: () => void;
  readonly onExport: (format: Format) => void;
}

export class Toolbar {
  readonly element: HTMLElement;
  readonly #state = h("span", { class: "pplab-status", role: "status" });
  readonly #verify: HTMLButtonElement;
  readonly #export: HTMLButtonElement;

  constructor({ onVerify, onExport }: ToolbarOptions) {
    const format = h("select", { class: "pplab-control", "aria-label": trans("Format") });
    format.append(...FORMATS.map((name) => h("option", { value: name }, name)));
    this.#verify = button(trans("Verify"), onVerify);
    this.#export = button(trans("Export"), () => onExport(format.value as Format), "primary");
    const state = h("div", { class: "pplab-actions" }, this.#state, this.#verify);
    const file = h("div", { class: "pplab-actions" }, format, this.#export);
    this.element = h("div", { class: "pplab-actions" }, state, file);
  }

  /** Show the chain's state, or what the kernel is busy with. */
  draw({ chain, busy }: Pick<ConsoleTraits, "chain" | "busy">): void {
    const { head, verified, broken } = chain;
    this.#verify.disabled = this.#export.disabled = busy !== "";
    const words =
      verified === null
        ? trans("%1 rows, not verified yet", number(head))
        : trans("Verified up to row %1 of %2", number(verified), number(head));
    this.#state.dataset.status = broken ? "failed" : verified === null ? "unknown" : "completed";
    fill(this.#state, busy || broken || words);
  }
}
