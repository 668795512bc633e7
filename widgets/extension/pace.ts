// A pace: something that is done as often as it is asked for, but not more often than the user's setting says.

/** Does one thing at once if it has rested long enough, else as soon as it has; what is asked for meanwhile is done with it. */
export class Pace {
  private last = Number.NEGATIVE_INFINITY;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    /** Least seconds from one time to the next. */
    private readonly seconds: () => number,
    private readonly act: () => void,
  ) {}

  /** Do it when the pace allows. */
  ask(): void {
    const rest = this.last + this.seconds() * 1000 - Date.now();
    if (rest <= 0) this.now();
    else this.timer ??= setTimeout(() => this.now(), rest);
  }

  /** Do it at once. */
  now(): void {
    this.stop();
    this.last = Date.now();
    this.act();
  }

  /** Leave what was asked for undone. */
  stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }
}
