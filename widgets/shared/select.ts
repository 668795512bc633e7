// A select whose options come and go.

import { fill, h } from "./dom.js";
import { trans } from "./translation.js";

interface Option {
  readonly value: string;
  readonly label: string;
}

/** Offer `options` in `select` with `value` chosen; what is offered already is left alone, so that an open list stays open. */
export function drawOptions(select: HTMLSelectElement, options: readonly Option[], value: string): void {
  const key = JSON.stringify(options);
  if (select.dataset.options !== key) {
    fill(select, ...options.map((option) => h("option", { value: option.value }, option.label)));
    select.dataset.options = key;
  }
  select.value = value;
}

/** Offer all, each of `options`, and `value` itself should it not be among them. */
export function drawFilter(
  select: HTMLSelectElement,
  options: readonly Option[],
  value: string | null,
  all = trans("All"),
): void {
  const unlisted = value && options.every((option) => option.value !== value);
  const own = unlisted ? [{ value, label: value }] : [];
  drawOptions(select, [{ value: "", label: all }, ...own, ...options], value ?? "");
}
