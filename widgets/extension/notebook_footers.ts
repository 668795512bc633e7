// The footers of one notebook: its lab is found, asked after each execution, and each cell says what its latest run took.

import type { Cell as CellWidget, ICodeCellModel } from "@jupyterlab/cells";
import type { NotebookPanel } from "@jupyterlab/notebook";
import type { TranslationBundle } from "@jupyterlab/translation";
import type { CommandRegistry } from "@lumino/commands";
import type { IDisposable } from "@lumino/disposable";
import type { PanelLayout } from "@lumino/widgets";
import type { Cell, Lab } from "./api.js";
import { CellFooter } from "./cell_footer.js";
import { type ILabs, labFolder, within } from "./labs.js";
import { Pace } from "./pace.js";

const TRACE = "pplab:open-trace";
const MOST_ASKED = 20; // labs that are asked whether they know a notebook
const MOST_TRIES = 4; // after the first, for a cell that is not in the lab's records yet: the kernel may still be opening the lab
const NEXT_TRY = 500; // ms until the next one; doubled each time

/** The labs that may know a notebook: those whose folder it is in, the nearest first, and the others where it uses pplab. */
export function candidates(labs: readonly Lab[], notebook: string, usesLab: boolean): string[] {
  const folder = notebook.split("/").slice(0, -1).join("/");
  const depth = (lab: string) => labFolder(lab).length;
  const readable = labs.filter((one) => one.readable).map((one) => one.lab);
  const around = readable.filter((lab) => within(folder, labFolder(lab))).sort((a, b) => depth(b) - depth(a));
  const others = usesLab ? readable.filter((lab) => !around.includes(lab)) : [];
  return [...around, ...others].slice(0, MOST_ASKED);
}

/** Whether what is stored of a cell is of the run that it shows. */
export function isShownRun(run: Cell, executionCount: number | null): boolean {
  return executionCount === null || run.execution_count === null || run.execution_count === executionCount;
}

export interface FooterOptions {
  readonly labs: ILabs;
  readonly trans: TranslationBundle;
  /** The path of a file below the server's root. */
  readonly localPath: (path: string) => string;
  readonly commands: CommandRegistry;
  /** Least seconds from one question to the next. */
  readonly refresh: () => number;
}

export class NotebookFooters implements IDisposable {
  isDisposed = false;
  private lab: string | null = null;
  private askedFor = "";
  private runs: ReadonlyMap<string, Cell> = new Map();
  private readonly footers = new Map<CellWidget, CellFooter>();
  private readonly ran = new Set<CellWidget>();
  private tries = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly questions: Pace;

  constructor(
    private readonly panel: NotebookPanel,
    private readonly options: FooterOptions,
  ) {
    this.questions = new Pace(options.refresh, () => void this.ask());
    options.labs.changed.connect(this.listed, this);
    options.labs.experimentsChanged.connect(this.experimentsChanged, this);
    panel.context.pathChanged.connect(this.moved, this);
    void panel.context.ready.then(() => {
      panel.content.model?.cells.changed.connect(this.cellsChanged, this);
      this.listed();
    });
  }

  dispose(): void {
    if (this.isDisposed) return;
    this.isDisposed = true;
    clearTimeout(this.timer);
    this.questions.stop();
    this.options.labs.changed.disconnect(this.listed, this);
    this.options.labs.experimentsChanged.disconnect(this.experimentsChanged, this);
    this.panel.context.pathChanged.disconnect(this.moved, this);
    this.panel.content.model?.cells.changed.disconnect(this.cellsChanged, this);
    for (const footer of this.footers.values()) footer.dispose();
    this.footers.clear();
  }

  /** A cell begins to run: its place is kept, and what it took before is no longer said. */
  begin(cell: CellWidget): void {
    if (this.lab !== null) this.footerOf(cell).wait();
  }

  /** A cell has run. */
  end(cell: CellWidget): void {
    this.ran.add(cell);
    this.tries = 0;
    this.questions.ask();
  }

  private get path(): string {
    return this.options.localPath(this.panel.context.path);
  }

  /** Whether a cell of the notebook names pplab, so that its lab may be anywhere. */
  private get usesLab(): boolean {
    return this.panel.content.widgets.some(
      ({ model }) => model.type === "code" && model.sharedModel.getSource().includes("pplab"),
    );
  }

  private moved(): void {
    this.lab = null;
    this.askedFor = "";
    this.listed();
  }

  /** Other labs are listed than those that were asked. */
  private listed(): void {
    const names = this.options.labs.list.map(({ lab }) => lab).join("\n");
    if (this.lab !== null || names === this.askedFor || !this.panel.context.isReady) return;
    this.askedFor = names;
    this.questions.now();
  }

  private experimentsChanged(_labs: ILabs, lab: string): void {
    if (lab === this.lab) this.questions.ask();
  }

  private cellsChanged(): void {
    requestAnimationFrame(() => this.draw()); // when the notebook has made or moved the cells' widgets
  }

  private async ask(): Promise<void> {
    const { labs } = this.options;
    const { path } = this;
    if (this.ran.size && this.lab === null && this.usesLab) await labs.refresh(); // a lab is made by the first cell of it
    const asked = this.lab === null ? candidates(labs.list, path, this.usesLab) : [this.lab];
    for (const lab of asked) {
      const cells = await labs.api.cells(lab, path).catch(() => []); // it is gone or busy: there is a next time
      if (this.isDisposed || path !== this.path) return;
      if (!cells.length) continue;
      this.lab = lab;
      this.runs = new Map(cells.map((cell) => [cell.cell_id, cell]));
      break;
    }
    this.draw();
    this.askAgain();
  }

  /** Ask again for the cells that ran and are not there yet. */
  private askAgain(): void {
    for (const cell of this.ran) {
      const run = this.runs.get(cell.model.id);
      const there = run !== undefined && run.execution_count === (cell.model as ICodeCellModel).executionCount;
      if (there || cell.isDisposed) this.ran.delete(cell);
    }
    clearTimeout(this.timer);
    if (this.ran.size && this.tries < MOST_TRIES && (this.lab !== null || this.usesLab)) {
      this.timer = setTimeout(() => this.questions.ask(), NEXT_TRY * 2 ** this.tries);
      this.tries += 1;
    } else this.ran.clear();
  }

  private draw(): void {
    if (this.isDisposed) return;
    for (const [cell, footer] of this.footers) {
      if (!cell.isDisposed) continue;
      footer.dispose();
      this.footers.delete(cell);
    }
    for (const cell of this.panel.content.widgets) {
      const run = cell.model.type === "code" ? this.runs.get(cell.model.id) : undefined;
      if (!run) continue;
      if (isShownRun(run, (cell.model as ICodeCellModel).executionCount)) this.footerOf(cell).say(run);
      else this.footers.get(cell)?.wait();
    }
  }

  private footerOf(cell: CellWidget): CellFooter {
    const known = this.footers.get(cell);
    if (known) return known;
    const { commands, trans } = this.options;
    const open = (id: string) => void commands.execute(TRACE, { lab: this.lab, id });
    const footer = new CellFooter(trans, commands.hasCommand(TRACE) ? open : null);
    this.footers.set(cell, footer);
    void cell.ready.then(() => {
      if (cell.isDisposed || footer.isDisposed) return;
      const layout = cell.layout as PanelLayout;
      layout.insertWidget(layout.widgets.length - 1, footer); // before the footer that JupyterLab itself has
    });
    return footer;
  }
}
