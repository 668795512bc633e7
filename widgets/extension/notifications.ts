// Notifications of runs that ended: what became of the run, and what to do next.

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from "@jupyterlab/application";
import { Notification } from "@jupyterlab/apputils";
import { ISettingRegistry } from "@jupyterlab/settingregistry";
import { ITranslator, nullTranslator, type TranslationBundle } from "@jupyterlab/translation";
import { type EndedRun, ILabs } from "./labs.js";
import { watchSettings } from "./settings.js";
import { progress, shortened } from "./words.js";

const MOST = 140; // characters of a notification; JupyterLab cuts what is longer
const PROMPT = 40; // characters of the prompt in it
const SHOWN = 10_000; // ms
const LONG = 10_000; // ms from which on a run is one that somebody may have left alone

export type Outcome = "finished" | "partial" | "paused" | "failed";

const OUTCOMES: Readonly<Record<string, Outcome>> = {
  completed: "finished",
  partial: "partial",
  paused: "paused",
  failed: "failed",
};

const TYPES = { finished: "success", partial: "warning", paused: "warning", failed: "error" } as const;

/** What a run that ended came to; `null` for one that somebody ended themselves. */
export function outcomeOf(status: string): Outcome | null {
  return OUTCOMES[status] ?? null;
}

/** What is said of a run that ended, in at most 140 characters. */
export function endedWords(trans: TranslationBundle, { run }: EndedRun, outcome: Outcome): string {
  const prompt = shortened(run.prompt, PROMPT) || run.id;
  const counted = progress(trans, run);
  const words = {
    finished: trans.__("Run finished: “%1”, %2", prompt, counted),
    partial: trans.__("Run incomplete: “%1”, %2", prompt, counted),
    paused: trans.__("Run paused: “%1”, %2", prompt, counted),
    failed: trans.__("Run failed: “%1”", prompt),
  }[outcome];
  const why = outcome === "finished" ? "" : run.reason;
  return shortened(why ? `${words}; ${why}` : words, MOST);
}

/** Keeps one notification a run: a later one takes the place of an earlier one. */
export class RunNotifications {
  private readonly shown = new Map<string, string>();

  constructor(
    private readonly trans: TranslationBundle,
    private readonly execute: (command: string, args: { lab: string; id: string }) => void,
  ) {}

  show(ended: EndedRun): void {
    const { lab, run, seen } = ended;
    const outcome = outcomeOf(run.status);
    if (!outcome) return;
    const key = `${lab} ${run.id}`;
    const earlier = this.shown.get(key);
    if (earlier !== undefined) Notification.dismiss(earlier);
    const inPlainSight = outcome === "finished" && seen < LONG; // it is kept under the bell, without a pop-up
    const stays = outcome === "paused" || outcome === "failed";
    const id = Notification.emit(endedWords(this.trans, ended, outcome), TYPES[outcome], {
      autoClose: inPlainSight ? 0 : stays ? false : SHOWN,
      actions: this.actions(lab, run.id, outcome),
    });
    this.shown.set(key, id);
  }

  private actions(lab: string, id: string, outcome: Outcome): Notification.IAction[] {
    const action = (label: string, caption: string, command: string): Notification.IAction => ({
      label,
      caption,
      callback: () => this.execute(command, { lab, id }),
    });
    const { trans } = this;
    const open = action(trans.__("Open results"), trans.__("Open its results in a tab"), "pplab:open-experiment");
    const resumed = trans.__("Put the cell that sends the missing calls into a notebook");
    const retried = trans.__("Put the cell that sends the failed calls again into a notebook");
    const next = {
      finished: [],
      partial: [action(trans.__("Retry"), retried, "pplab:retry-experiment")],
      paused: [action(trans.__("Resume"), resumed, "pplab:resume-experiment")],
      failed: [action(trans.__("Retry"), retried, "pplab:retry-experiment")],
    }[outcome];
    return [...next, open];
  }
}

export const notifications: JupyterFrontEndPlugin<void> = {
  id: "pplab:notifications",
  description: "Says when a run finished, paused or failed.",
  autoStart: true,
  requires: [ILabs],
  optional: [ISettingRegistry, ITranslator],
  activate: (app: JupyterFrontEnd, labs: ILabs, registry: ISettingRegistry | null, translator: ITranslator | null) => {
    let wanted = true;
    void watchSettings(registry, (settings) => {
      wanted = settings.notifications;
    });
    const shown = new RunNotifications((translator ?? nullTranslator).load("pplab"), (command, args) => {
      if (app.commands.hasCommand(command)) void app.commands.execute(command, args);
    });
    labs.ended.connect((_labs, ended) => {
      if (wanted) shown.show(ended);
    });
  },
};
