// Amounts, progress and moments in words, as the sidebar, the status bar and the notifications say them.

import type { TranslationBundle } from "@jupyterlab/translation";
import { number } from "../shared/format.js";
import { shortTime } from "../shared/time.js";
import type { Run } from "./api.js";

/** US dollars: "$0.42", "$1,204", "under $0.01"; nothing where the cost is not known. */
export function dollars(trans: TranslationBundle, value: number | null): string {
  if (value === null) return "";
  if (value > 0 && value < 0.01) return trans.__("under $0.01");
  return value >= 1000 || value === 0 ? `$${number(value)}` : `$${value.toFixed(2)}`;
}

/** How far a run is: "120 of 600, $0.42". */
export function progress(trans: TranslationBundle, run: Pick<Run, "done" | "planned" | "cost">): string {
  const counted = trans.__("%1 of %2", number(run.done), number(run.planned));
  return run.cost ? `${counted}, ${dollars(trans, run.cost)}` : counted;
}

/** How far several runs are together: "2 runs: 320 of 900, $1.10". */
export function progressOfAll(trans: TranslationBundle, runs: readonly Run[]): string {
  const sum = (part: (run: Run) => number) => runs.reduce((total, run) => total + part(run), 0);
  const words = progress(trans, {
    done: sum((run) => run.done),
    planned: sum((run) => run.planned),
    cost: sum((run) => run.cost ?? 0),
  });
  return runs.length > 1 ? trans.__("%1 runs: %2", runs.length, words) : words;
}

/** What a moment in ISO 8601 is by the reader's clock: "14:05" today, else "3 Nov, 14:05". */
export function moment(iso: string): string {
  const at = new Date(/(Z|[+-]\d\d:?\d\d)$/.test(iso) ? iso : `${iso}Z`);
  return Number.isNaN(at.valueOf()) ? "" : shortTime(at.toISOString().slice(0, -1));
}

/** The day of a moment in ISO 8601, or its time where that is today: what a narrow column has room for. */
export function dayOrTime(iso: string): string {
  return moment(iso).split(",")[0] ?? "";
}

/** The status of an experiment or a run, for a person. */
export function statusWord(trans: TranslationBundle, status: string): string {
  const words: Readonly<Record<string, string>> = {
    completed: trans.__("completed"),
    partial: trans.__("incomplete"),
    failed: trans.__("failed"),
    paused: trans.__("paused"),
    interrupted: trans.__("interrupted"),
    running: trans.__("running"),
    waiting: trans.__("waiting for the server"),
  };
  return words[status] ?? status;
}

/** A text on one line of at most `most` characters (UTF-16, as JupyterLab counts), cut at the end with an ellipsis. */
export function shortened(text: string, most: number): string {
  const line = text.replace(/\s+/g, " ").trim();
  if (line.length <= most) return line;
  let kept = "";
  for (const letter of line) {
    if (kept.length + letter.length >= most) break; // a pair of surrogates is not cut in two
    kept += letter;
  }
  return `${kept.trimEnd()}…`;
}

/** A size in bytes: "12 KB", "3.4 MB". */
export function bytes(size: number): string {
  return size < 1_000_000 ? `${number(Math.ceil(size / 1000), 0)} KB` : `${number(size / 1_000_000, 1)} MB`;
}

/** A model and where it is asked: "qwen3:8b at local", or the model alone where the place has the same name. */
export function modelWords(trans: TranslationBundle, model: string, endpoint: string): string {
  return !endpoint || endpoint === model ? model : trans.__("%1 at %2", model, endpoint);
}
