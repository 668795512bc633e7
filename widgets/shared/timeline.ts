// A time line: bars on one scale of time, on which idle times are cut short, so that work stays visible.

import { h } from "./dom.js";

/** When something began and how long it took, in milliseconds. */
interface Timed {
  readonly start: number;
  readonly took: number;
}

const GAP = 0.06; // the share of all work that an idle time is drawn as, however long it was

/** Return where a moment lies, 0 to 1, on a time line on which every idle time has the same small length. */
export function timeScale(bars: readonly Timed[]): (moment: number) => number {
  const busy: [number, number][] = [];
  for (const { start, took } of [...bars].sort((one, other) => one.start - other.start)) {
    const last = busy.at(-1);
    if (last && start <= last[1]) last[1] = Math.max(last[1], start + took);
    else busy.push([start, start + took]);
  }
  const work = busy.reduce((sum, [start, end]) => sum + end - start, 0) || 1;
  const gap = GAP * work;
  const length = work + gap * Math.max(busy.length - 1, 0);
  return (moment) => {
    let offset = 0;
    for (const [index, [start, end]] of busy.entries()) {
      if (index > 0) offset += gap;
      if (moment <= end) return (offset + Math.max(moment - start, 0)) / length;
      offset += end - start;
    }
    return 1;
  };
}

/** Return the cell of a table in which one bar stands where its time is on the scale; the words beside it say the same. */
export function lane({ start, took }: Timed, kind: string, scale: (moment: number) => number): HTMLElement {
  const left = scale(start);
  const width = scale(start + took) - left;
  const style = `left: ${(left * 100).toFixed(2)}%; width: max(3px, ${(width * 100).toFixed(2)}%)`;
  const mark = h("span", { class: "pplab-bar", "data-kind": kind, style });
  return h("td", { class: "pplab-lane" }, h("span", { class: "pplab-track", "aria-hidden": "true" }, mark));
}
