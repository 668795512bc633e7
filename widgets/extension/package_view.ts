// A package as a page: whether it is as it was exported, what it holds, and what can be done with it.

import type { TranslationBundle } from "@jupyterlab/translation";
import { button, fill, h } from "../shared/dom.js";
import { number } from "../shared/format.js";
import type { ImportOutcome, PackageDescription, PackedExperiment } from "./file_api.js";
import { moment, statusWord } from "./words.js";
import "../shared/base.css";
import "../shared/tables.css";
import "./package.css";

const SHOWN_PROBLEMS = 20;

export interface PackageActions {
  /** The labs that it can be imported into, the nearest first: path and name. */
  readonly labs: readonly (readonly [lab: string, name: string])[];
  readonly importInto: (lab: string) => Promise<ImportOutcome>;
  readonly open: ((lab: string, id: string) => void) | null;
  readonly replay: () => void;
  readonly download: () => void;
}

/** Draw the package into `root`. */
export function drawPackage(
  root: HTMLElement,
  trans: TranslationBundle,
  found: PackageDescription,
  actions: PackageActions,
): void {
  root.dataset.pplab = "package";
  root.dataset.verified = String(found.verified);
  fill(
    root,
    h("h1", {}, found.path.split("/").at(-1) ?? ""),
    verdict(trans, found),
    toolbar(trans, found, actions),
    experiments(trans, found.experiments),
    facts(trans, found),
  );
}

/** The cell that replays a package which lies beside its notebook. */
export function replayCell(name: string): string {
  const quoted = name.includes("'") ? `"${name}"` : `'${name}'`;
  return `%load_ext pplab\n%pplab replay ${quoted}`;
}

/** Say why a file is not shown, with the way to get it. */
export function drawRefusal(root: HTMLElement, trans: TranslationBundle, words: string, download: () => void): void {
  delete root.dataset.pplab;
  delete root.dataset.verified;
  fill(root, h("p", { role: "alert" }, words), button(trans.__("Download"), download));
}

function verdict(trans: TranslationBundle, { verified, problems }: PackageDescription): HTMLElement {
  if (verified) {
    const words = trans.__("It is as it was exported: every hash and the chain of its audit were checked.");
    return h("p", { class: "pplab-notice", "data-tone": "success", role: "status" }, `✓ ${words}`);
  }
  const words = trans._n(
    "It is not as it was exported: %1 problem",
    "It is not as it was exported: %1 problems",
    problems.length,
  );
  const more = problems.length - SHOWN_PROBLEMS;
  return h(
    "div",
    { class: "pplab-notice", "data-tone": "error", role: "alert" },
    h("p", {}, `✗ ${words}`),
    h(
      "ul",
      {},
      ...problems.slice(0, SHOWN_PROBLEMS).map((problem) => h("li", {}, problem)),
      more > 0 && h("li", {}, trans.__("and %1 more", more)),
    ),
  );
}

function toolbar(trans: TranslationBundle, found: PackageDescription, actions: PackageActions): HTMLElement {
  const select = h("select");
  select.append(...actions.labs.map(([lab, name]) => h("option", { value: lab, title: lab }, name)));
  const said = h("p", { class: "pplab-package-said", role: "status", "aria-live": "polite" });
  const start = button(trans.__("Import"), () => void run(), "primary");
  const replay = button(trans.__("Replay"), actions.replay);
  replay.title = trans.__("Open a notebook that runs it again from its recorded answers; this needs a kernel");
  if (actions.labs.length === 1) start.title = trans.__("Into the lab %1", actions.labs[0]?.[1] ?? "");
  start.disabled = !found.verified || !actions.labs.length;
  if (!found.verified) start.title = trans.__("An altered package is not imported");
  else if (!actions.labs.length)
    start.title = trans.__("There is no lab here yet: run %load_ext pplab in a notebook first");

  async function run(): Promise<void> {
    const lab = select.value;
    start.disabled = true;
    fill(said, trans.__("Importing"));
    try {
      const { words, experiments: ids } = await actions.importInto(lab);
      const { open } = actions;
      const first = ids[0];
      fill(said, words, open && first && button(trans.__("Open results"), () => open(lab, first), "quiet"));
    } catch (error) {
      fill(said, errorWords(error));
    }
    start.disabled = false;
  }

  return h(
    "div",
    { class: "pplab-package-actions" },
    h(
      "div",
      { class: "pplab-actions" },
      actions.labs.length > 1 && h("label", {}, `${trans.__("Into the lab")} `, select),
      start,
      replay,
      button(trans.__("Download"), actions.download),
    ),
    said,
  );
}

function experiments(trans: TranslationBundle, rows: readonly PackedExperiment[]): HTMLElement | false {
  if (!rows.length) return false;
  const heads = [trans.__("Experiment"), trans.__("Models"), trans.__("Answers"), trans.__("Status"), trans.__("Made")];
  const table = h(
    "table",
    { class: "pplab-table" },
    h("caption", {}, trans._n("%1 experiment", "%1 experiments", rows.length)),
    h("thead", {}, h("tr", {}, ...heads.map((head) => h("th", { scope: "col" }, head)))),
    h("tbody", {}, ...rows.map((row) => experimentRow(trans, row))),
  );
  return h("div", { class: "pplab-scroll", tabindex: 0, role: "region", "aria-label": trans.__("Experiments") }, table);
}

function experimentRow(trans: TranslationBundle, row: PackedExperiment): HTMLElement {
  const others =
    row.prompts > 1 && h("small", {}, ` ${trans._n("and %1 prompt more", "and %1 prompts more", row.prompts - 1)}`);
  return h(
    "tr",
    {},
    h("th", { scope: "row", title: row.id }, row.name || row.prompt, others),
    h("td", {}, row.models.join(", ")),
    h("td", {}, trans.__("%1 of %2", number(row.answers), number(row.planned))),
    h("td", {}, statusWord(trans, row.status)),
    h("td", {}, moment(row.created_at)),
  );
}

function facts(trans: TranslationBundle, { facts: said, verified }: PackageDescription): HTMLElement {
  const rows: readonly (readonly [string, string])[] = [
    [trans.__("Run by"), said.users.join(", ")],
    [trans.__("Last event"), moment(said.at)],
    [trans.__("From the lab"), said.lab],
    [
      trans.__("Checked"),
      trans.__("%1 files, %2 rows, %3 rows of audit", number(said.files), number(said.rows), number(said.audit_rows)),
    ],
    [trans.__("Size"), trans.__("%1 KB", number(said.size / 1024, 1))],
    [trans.__("SHA-256"), said.sha256],
    [
      trans.__("File"),
      verified && said.rewritten ? trans.__("written again by another program; what it holds is unaltered") : "",
    ],
  ];
  const given = rows.filter(([, value]) => value);
  return h(
    "dl",
    { class: "pplab-package-facts" },
    ...given.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]),
  );
}

/** An error in one line: what is wrong, and what to do. */
export function errorWords(error: unknown): string {
  const { message, hint } = error as { readonly message?: string; readonly hint?: string };
  return [message || String(error), hint].filter(Boolean).join(". ");
}
