// The sections of what a lab holds beside experiments: calibrations, and packages in its folder.

import type { TranslationBundle } from "@jupyterlab/translation";
import { fill, h } from "../../shared/dom.js";
import { interval } from "../../shared/format.js";
import type { Calibration, Package } from "../api.js";
import type { ILabs } from "../labs.js";
import { bytes, moment } from "../words.js";
import { emptyState, problemLine, Section } from "./section.js";

interface Records<Row> {
  readonly name: string;
  readonly label: string;
  readonly nothing: string;
  readonly action?: { readonly label: string; readonly run: () => void };
  fetch(lab: string): Promise<readonly Row[]>;
  draw(row: Row, lab: string): HTMLElement;
}

/** A short list of the chosen lab's records, read when the section is seen and whenever the lab changes. */
export class RecordsSection<Row> extends Section {
  private lab: string | null = null;
  private reading = false;
  private stale = true;

  constructor(
    private readonly labs: ILabs,
    private readonly records: Records<Row>,
  ) {
    super(records.name, records.label);
    labs.changed.connect(this.follow, this);
    labs.experimentsChanged.connect((_labs, lab) => {
      this.stale ||= lab === this.lab;
      void this.read();
    });
    this.follow();
  }

  protected override onAfterShow(): void {
    void this.read();
  }

  private follow(): void {
    const lab = this.labs.chosen?.lab ?? null;
    if (lab === this.lab) return;
    this.lab = lab;
    this.stale = true;
    fill(this.body);
    void this.read();
  }

  /** Read the records, if they are seen and may have changed; one look at a time. */
  private async read(): Promise<void> {
    const { lab } = this;
    if (lab === null || !this.isVisible || !this.stale || this.reading) return;
    this.reading = true;
    this.stale = false;
    try {
      const rows = await this.records.fetch(lab);
      if (lab === this.lab) this.draw(rows, lab);
    } catch (error) {
      if (lab === this.lab) fill(this.body, problemLine(error instanceof Error ? error.message : String(error)));
    } finally {
      this.reading = false;
    }
    if (this.stale) void this.read();
  }

  private draw(rows: readonly Row[], lab: string): void {
    const { nothing, action, draw } = this.records;
    const drawn = rows.map((row) => draw(row, lab));
    fill(this.body, drawn.length ? h("ul", { class: "pplab-records" }, ...drawn) : emptyState(nothing, action));
  }
}

interface CalibrationActions {
  onNew(): void;
  onOpen(lab: string, id: string): void;
}

export function calibrationsSection(labs: ILabs, trans: TranslationBundle, actions: CalibrationActions): Section {
  return new RecordsSection<Calibration>(labs, {
    name: "calibrations",
    label: trans.__("Calibrations"),
    nothing: trans.__("No calibration in this lab yet. A short quiz makes one."),
    action: { label: trans.__("Calibration"), run: actions.onNew },
    fetch: (lab) => labs.api.calibrations(lab),
    draw: (row, lab) =>
      recordRow({
        name: row.name || moment(row.created_at),
        about: [row.user, row.name && moment(row.created_at), rangeWords(row.ranges)],
        title: row.id,
        onOpen: () => actions.onOpen(lab, row.id),
      }),
  });
}

export function packagesSection(labs: ILabs, trans: TranslationBundle, onOpen: (path: string) => void): Section {
  return new RecordsSection<Package>(labs, {
    name: "packages",
    label: trans.__("Packages"),
    nothing: trans.__("No package here yet. Make one of an experiment: %pplab export ID --format package"),
    fetch: (lab) => labs.api.packages(lab),
    draw: (row) =>
      recordRow({
        name: row.name,
        about: [bytes(row.size), moment(row.modified_at)],
        title: row.path,
        onOpen: () => onOpen(row.path),
      }),
  });
}

interface RecordRow {
  readonly name: string;
  readonly about: readonly string[];
  readonly title: string;
  readonly onOpen: () => void;
}

/** A row that opens what it names. */
function recordRow({ name, about, title, onOpen }: RecordRow): HTMLElement {
  const attributes = { type: "button", class: "pplab-record", title, onclick: onOpen } as const;
  const words = h("span", { class: "pplab-quiet" }, about.filter(Boolean).join(", "));
  return h("li", {}, h("button", attributes, h("span", {}, name), words));
}

/** "temperature 0.3 to 0.9, top_p 0.8 to 1". */
function rangeWords(ranges: Calibration["ranges"]): string {
  const ends = Object.entries(ranges).filter((entry): entry is [string, [number, number]] => Array.isArray(entry[1]));
  return ends.map(([name, range]) => `${name} ${interval(range)}`).join(", ");
}
