// The server extension's addresses as typed requests, and the socket on which a lab says what changed.

import { URLExt } from "@jupyterlab/coreutils";
import { ServerConnection } from "@jupyterlab/services";
import type { IDisposable } from "@lumino/disposable";
import { type ISignal, Signal } from "@lumino/signaling";

/** A lab below the server's root folder. `readable` is false where its schema is another version's; `note` says so. */
export interface Lab {
  readonly lab: string;
  readonly name: string;
  readonly readable: boolean;
  readonly note: string;
  readonly experiments: number;
  readonly running: number;
  readonly spent_today: number;
  readonly model: string;
  readonly endpoint: string;
}

/** All labs, with the server's version of pplab and its root folder (`~` is the home folder). */
export interface Labs {
  readonly version: string;
  readonly root: string;
  readonly labs: readonly Lab[];
}

/** An experiment in a list; `cost` is in USD, and null where no price is known. */
export interface Experiment {
  readonly id: string;
  readonly name: string;
  readonly created_at: string;
  readonly status: string;
  readonly prompt: string;
  readonly prompts: number;
  readonly models: readonly string[];
  readonly planned: number;
  readonly answers: number;
  readonly cost: number | null;
  readonly verdict: string;
}

export interface Experiments {
  readonly total: number;
  readonly experiments: readonly Experiment[];
}

export interface Calibration {
  readonly id: string;
  readonly name: string;
  readonly created_at: string;
  readonly user: string;
  readonly ranges: Readonly<Record<string, unknown>>;
}

/** A package file; `path` is relative to the server's root folder, `size` in bytes. */
export interface Package {
  readonly path: string;
  readonly name: string;
  readonly size: number;
  readonly modified_at: string;
}

/** A run under way; `rate` is in answers a second, `until` the time to which the server has it wait. */
export interface Run {
  readonly id: string;
  readonly status: string;
  readonly prompt: string;
  readonly model: string;
  readonly endpoint: string;
  readonly done: number;
  readonly planned: number;
  readonly failed: number;
  readonly cost: number | null;
  readonly rate: number | null;
  readonly until: string | null;
  readonly own: boolean;
}

/** The latest run of a cell. */
export interface Cell {
  readonly cell_id: string;
  readonly execution_count: number | null;
  readonly started_at: string;
  readonly duration_ms: number | null;
  readonly calls: number;
  readonly tokens: number;
  readonly cost: number | null;
  readonly correlation_id: string;
  readonly status: string;
}

export type Order = "pause" | "go_on" | "cancel";

/** What a lab says on connecting and whenever something changed. */
export interface Changed {
  readonly kind: "changed";
  readonly experiments: boolean;
  readonly runs: readonly Run[];
  readonly spent_today: number;
}

/** What a lab says once when a run has ended. */
export interface Ended {
  readonly kind: "ended";
  readonly run: {
    readonly id: string;
    readonly status: string;
    readonly reason: string;
    readonly prompt: string;
    readonly done: number;
    readonly planned: number;
    readonly cost: number | null;
  };
}

/** An answer of the server that is an error: what is wrong, and what to do. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly hint = "",
  ) {
    super(message);
  }
}

/** The server has no part of pplab: it is not installed in the server's environment, or is disabled there. */
export class ServerExtensionMissing extends Error {}

/** Requests to the server extension, below the server's base URL, with the server's own sign-in. */
export class Api {
  constructor(readonly settings: ServerConnection.ISettings) {}

  labs(): Promise<Labs> {
    return this.request<Labs>("labs");
  }

  experiments(
    lab: string,
    { limit = 50, offset = 0, query = "" }: { limit?: number; offset?: number; query?: string } = {},
  ): Promise<Experiments> {
    return this.request(`${labPath(lab)}/experiments${URLExt.objectToQueryString({ limit, offset, query })}`);
  }

  async calibrations(lab: string): Promise<readonly Calibration[]> {
    const found = await this.request<{ calibrations: readonly Calibration[] }>(`${labPath(lab)}/calibrations`);
    return found.calibrations;
  }

  async packages(lab: string): Promise<readonly Package[]> {
    const found = await this.request<{ packages: readonly Package[] }>(`${labPath(lab)}/packages`);
    return found.packages;
  }

  /** Tell a run under way to pause, to go on or to end. */
  async order(lab: string, id: string, order: Order): Promise<void> {
    const init = { method: "POST", body: JSON.stringify({ order }) };
    await this.request(`${labPath(lab)}/runs/${encodeURIComponent(id)}`, init);
  }

  async cells(lab: string, notebook: string): Promise<readonly Cell[]> {
    const query = URLExt.objectToQueryString({ notebook });
    const found = await this.request<{ cells: readonly Cell[] }>(`${labPath(lab)}/cells${query}`);
    return found.cells;
  }

  /** Send a request below `pplab/api/`, and return the JSON it answers with.
   *
   * @throws ServerExtensionMissing where there is nothing of ours, ApiError where the server refused.
   */
  async request<Answer>(path: string, init: RequestInit = {}): Promise<Answer> {
    const address = this.settings.baseUrl + API + path;
    const response = await ServerConnection.makeRequest(address, init, this.settings);
    const text = await response.text();
    const answer = parsed(text);
    if (response.ok && answer !== undefined) return answer as Answer;
    const { message, hint } = (answer ?? {}) as { message?: string; hint?: string };
    if (response.status === 404 && hint === undefined) throw new ServerExtensionMissing();
    throw new ApiError(response.status, message || `${response.status} ${response.statusText}`, hint);
  }

  /** The address of a socket below `pplab/api/`, such as `socketUrl("labs/work%2F.pplab/changes")`. */
  socketUrl(path: string): string {
    const { wsUrl, appendToken, token } = this.settings;
    const address = wsUrl + API + path;
    if (!appendToken || !token) return address;
    return `${address}${address.includes("?") ? "&" : "?"}token=${encodeURIComponent(token)}`;
  }
}

const API = "pplab/api/";

/** The path of a lab's addresses, below `pplab/api/`. */
export function labPath(lab: string): string {
  return `labs/${encodeURIComponent(lab)}`;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What a lab says, as signals; a connection that was lost is made again until `dispose`. */
export interface Changes extends IDisposable {
  readonly changed: ISignal<Changes, Changed>;
  readonly ended: ISignal<Changes, Ended["run"]>;
}

const FIRST_PAUSE = 1000; // ms before a lost connection is made again; doubled each time up to LONGEST_PAUSE
const LONGEST_PAUSE = 30_000;

class ChangesSocket implements Changes {
  readonly changed = new Signal<this, Changed>(this);
  readonly ended = new Signal<this, Ended["run"]>(this);
  isDisposed = false;
  private pause = FIRST_PAUSE;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private socket: WebSocket | undefined;

  constructor(
    private readonly api: Api,
    private readonly lab: string,
  ) {
    this.connect();
  }

  dispose(): void {
    if (this.isDisposed) return;
    this.isDisposed = true;
    clearTimeout(this.timer);
    this.socket?.close();
    Signal.clearData(this);
  }

  private connect(): void {
    const socket = new this.api.settings.WebSocket(this.api.socketUrl(`${labPath(this.lab)}/changes`));
    this.socket = socket;
    socket.onmessage = ({ data }) => {
      if (this.isDisposed) return;
      this.pause = FIRST_PAUSE;
      const frame = JSON.parse(data as string) as Changed | Ended;
      if (frame.kind === "changed") this.changed.emit(frame);
      else if (frame.kind === "ended") this.ended.emit(frame.run);
    };
    socket.onclose = () => {
      if (this.isDisposed) return;
      const jitter = 0.75 + Math.random() / 2; // many pages do not come back in the same moment
      this.timer = setTimeout(() => this.connect(), this.pause * jitter);
      this.pause = Math.min(this.pause * 2, LONGEST_PAUSE);
    };
  }
}

/** Watch a lab: on connecting, and again on each connection made anew, `changed` says how things stand. */
export function watchChanges(api: Api, lab: string): Changes {
  return new ChangesSocket(api, lab);
}
