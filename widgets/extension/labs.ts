// The labs below the server's root folder as they stand now: listed, one of them chosen, and their runs followed live.

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from "@jupyterlab/application";
import { IDefaultFileBrowser } from "@jupyterlab/filebrowser";
import { ISettingRegistry } from "@jupyterlab/settingregistry";
import { Token } from "@lumino/coreutils";
import { type ISignal, Signal } from "@lumino/signaling";
import { DEFAULTS } from "../shared/generated/settings.js";
import {
  Api,
  type Changed,
  type Changes,
  type Ended,
  type Lab,
  type Run,
  ServerExtensionMissing,
  watchChanges,
} from "./api.js";
import { Pace } from "./pace.js";
import { watchSettings } from "./settings.js";

/** What became of the list: `missing` where the server has no pplab, `failed` where it could not be read. */
export type ListState = "loading" | "ready" | "missing" | "failed";

export interface LabRun extends Run {
  readonly lab: string;
}

export interface EndedRun {
  readonly lab: string;
  readonly run: Ended["run"];
  /** How long it was seen under way, in ms. */
  readonly seen: number;
}

export interface ILabs {
  readonly api: Api;
  readonly state: ListState;
  /** What went wrong, where `state` is `failed`. */
  readonly problem: string;
  readonly list: readonly Lab[];
  /** The lab whose experiments are shown; `null` where there is none that can be read. */
  readonly chosen: Lab | null;
  /** The runs under way, of every lab that is followed. */
  readonly runs: readonly LabRun[];
  /** What all labs spent today, in US dollars. */
  readonly spentToday: number;
  /** Something of the above changed. */
  readonly changed: ISignal<ILabs, void>;
  /** The experiments of this lab changed. */
  readonly experimentsChanged: ISignal<ILabs, string>;
  readonly ended: ISignal<ILabs, EndedRun>;
  choose(lab: string): void;
  /** List the labs now. */
  refresh(): Promise<void>;
}

export const ILabs = new Token<ILabs>("pplab:ILabs", "The labs below the server's root folder, live.");

const PAUSE = 15_000; // ms between two looks for labs while the page is seen
const FIRST_PAUSE = 4000; // while there is no lab yet: somebody may be making the first
const MOST_FOLLOWED = 20; // labs that are followed at the same time, a socket each

interface Followed {
  readonly changes: Changes;
  runs: readonly Run[];
  spentToday: number;
  /** What it said last, while that waits to be told. */
  heard: Changed | null;
  readonly since: Map<string, number>;
}

export class Labs implements ILabs {
  state: ListState = "loading";
  problem = "";
  list: readonly Lab[] = [];
  readonly changed = new Signal<this, void>(this);
  readonly experimentsChanged = new Signal<this, string>(this);
  readonly ended = new Signal<this, EndedRun>(this);
  private wanted: string | null = null;
  private folder = "";
  private readonly followed = new Map<string, Followed>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly figures = new Pace(
    () => this.leastSeconds,
    () => this.tell(),
  );

  constructor(
    readonly api: Api,
    /** From one update to the next, while runs go on as they did. */
    public leastSeconds = DEFAULTS.refresh,
  ) {
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible" && this.state !== "missing") void this.refresh();
    });
  }

  get chosen(): Lab | null {
    const readable = this.list.filter((lab) => lab.readable);
    return readable.find(({ lab }) => lab === this.wanted) ?? nearest(readable, this.folder);
  }

  get runs(): readonly LabRun[] {
    return [...this.followed].flatMap(([lab, { runs }]) => runs.map((run) => ({ ...run, lab })));
  }

  get spentToday(): number {
    const spent = (lab: Lab) => this.followed.get(lab.lab)?.spentToday ?? lab.spent_today;
    return this.list.reduce((sum, lab) => sum + spent(lab), 0);
  }

  choose(lab: string): void {
    this.wanted = lab;
    this.follow();
    this.changed.emit();
  }

  /** Prefer the lab of this folder while none is chosen. */
  enter(folder: string): void {
    if (folder === this.folder) return;
    this.folder = folder;
    this.follow();
    this.changed.emit();
  }

  async refresh(): Promise<void> {
    clearTimeout(this.timer);
    try {
      this.list = (await this.api.labs()).labs;
      this.state = "ready";
      this.follow();
    } catch (error) {
      this.state = error instanceof ServerExtensionMissing ? "missing" : "failed";
      this.problem = error instanceof Error ? error.message : String(error);
    }
    this.changed.emit();
    clearTimeout(this.timer);
    if (this.state === "missing") return; // it is not installed while the page is open
    this.timer = setTimeout(
      () => document.visibilityState === "visible" && void this.refresh(),
      this.list.length ? PAUSE : FIRST_PAUSE,
    );
  }

  /** Follow the labs that can be read, the chosen one first, and leave those that are gone. */
  private follow(): void {
    const chosen = this.chosen;
    const readable = this.list.filter((lab) => lab.readable && lab !== chosen);
    const wanted = (chosen ? [chosen, ...readable] : readable).slice(0, MOST_FOLLOWED).map(({ lab }) => lab);
    for (const [lab, { changes }] of this.followed) {
      if (wanted.includes(lab)) continue;
      changes.dispose();
      this.followed.delete(lab);
    }
    for (const lab of wanted) if (!this.followed.has(lab)) this.connect(lab);
  }

  private connect(lab: string): void {
    const changes = watchChanges(this.api, lab);
    const followed: Followed = { changes, runs: [], spentToday: 0, heard: null, since: new Map() };
    followed.spentToday = this.list.find((one) => one.lab === lab)?.spent_today ?? 0;
    this.followed.set(lab, followed);
    changes.changed.connect((_changes, frame) => this.hear(lab, followed, frame));
    changes.ended.connect((_changes, run) => {
      const seen = Date.now() - (followed.since.get(run.id) ?? Date.now());
      followed.since.delete(run.id);
      this.ended.emit({ lab, run, seen });
    });
  }

  /** Take what a lab says. What began, ended or was stored is told at once, how far runs are at the user's pace. */
  private hear(lab: string, followed: Followed, frame: Changed): void {
    const isTold = frame.experiments || standing(frame.runs) !== standing(followed.runs);
    followed.heard = frame;
    for (const { id } of frame.runs) if (!followed.since.has(id)) followed.since.set(id, Date.now());
    if (frame.experiments) this.experimentsChanged.emit(lab);
    if (isTold) this.figures.now();
    else this.figures.ask();
  }

  private tell(): void {
    for (const followed of this.followed.values()) {
      if (followed.heard === null) continue;
      followed.runs = followed.heard.runs;
      followed.spentToday = followed.heard.spent_today;
      followed.heard = null;
    }
    this.changed.emit();
  }
}

/** Which runs there are and how they stand, without their figures. */
function standing(runs: readonly Run[]): string {
  return JSON.stringify(runs.map(({ id, status, until }) => [id, status, until]));
}

/** The folder that a lab belongs to: "work" for "work/.pplab". */
export function labFolder(lab: string): string {
  const parts = lab.split("/");
  return (parts.at(-1) === ".pplab" ? parts.slice(0, -1) : parts).join("/");
}

/** Whether `folder` is `outer` or lies within it; the root folder is "". */
export function within(folder: string, outer: string): boolean {
  return outer === "" || folder === outer || folder.startsWith(`${outer}/`);
}

/** Of these labs the one that pplab finds by itself in a notebook in `folder`: the nearest `.pplab` there or above it. */
export function labFoundFrom(folder: string, labs: readonly string[]): string | undefined {
  const found = labs.filter((lab) => labFolder(lab) !== lab && within(folder, labFolder(lab)));
  return found.sort((a, b) => b.length - a.length)[0];
}

/** The lab that a notebook in `folder` would use, else the first one below the folder, else the first. */
function nearest(labs: readonly Lab[], folder: string): Lab | null {
  const above = labs.filter(({ lab }) => within(folder, labFolder(lab)));
  const closest = above.sort((a, b) => labFolder(b.lab).length - labFolder(a.lab).length)[0];
  return closest ?? labs.find(({ lab }) => within(labFolder(lab), folder)) ?? labs[0] ?? null;
}

export const labs: JupyterFrontEndPlugin<ILabs> = {
  id: "pplab:labs",
  description: "Lists the labs below the server's root folder and follows their runs.",
  autoStart: true,
  provides: ILabs,
  optional: [IDefaultFileBrowser, ISettingRegistry],
  activate: (app: JupyterFrontEnd, browser: IDefaultFileBrowser | null, registry: ISettingRegistry | null): ILabs => {
    const made = new Labs(new Api(app.serviceManager.serverSettings));
    void watchSettings(registry, ({ refresh }) => {
      made.leastSeconds = refresh;
    });
    const enter = ({ path }: { readonly path: string }) => made.enter(app.serviceManager.contents.localPath(path));
    if (browser) enter(browser.model);
    browser?.model.pathChanged.connect(enter);
    void app.restored.then(() => made.refresh());
    return made;
  },
};
