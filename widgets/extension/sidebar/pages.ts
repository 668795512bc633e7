// The rows of a long list as they are needed: whole pages are fetched when one of their rows is seen, and kept.

export interface Page<Row> {
  readonly total: number;
  readonly rows: readonly Row[];
}

/** Fetches the page that begins at `offset`. */
export type Fetch<Row> = (offset: number, limit: number) => Promise<Page<Row>>;

/** A list of `total` rows, of which some are here. */
export class Pages<Row> {
  /** Rows of the whole list; `null` until the first page came. */
  total: number | null = null;
  private fetch: Fetch<Row> = async () => ({ total: 0, rows: [] });
  private readonly rows = new Map<number, Row>();
  private readonly asked = new Set<number>();
  private generation = 0;
  private renewing = false;
  private stale: readonly number[] | null = null;

  constructor(
    readonly size: number,
    private readonly onChange: () => void,
    private readonly onError: (error: unknown) => void,
  ) {}

  /** Begin another list. Its predecessor's rows stay until the first page is there, so that nothing flickers. */
  begin(fetch: Fetch<Row>): void {
    this.fetch = fetch;
    this.stale = null;
    void this.renew([0]);
  }

  /** The list has changed: fetch the first page anew, and those with rows `first` to `last`. One such look at a time. */
  changed(first: number, last: number): void {
    const pages = [...new Set([0, ...this.pagesOf(first, last)])];
    if (this.renewing) this.stale = pages;
    else void this.renew(pages);
  }

  /** The row at this place, or `undefined` while it is not here; `see` brings it. */
  at(index: number): Row | undefined {
    return this.rows.get(index);
  }

  /** Fetch the pages of these rows that were not asked for yet. */
  see(first: number, last: number): void {
    if (this.total === null) return;
    const missing = this.pagesOf(first, Math.min(last, this.total - 1)).filter((page) => !this.asked.has(page));
    for (const page of missing) void this.bring(page, this.generation);
  }

  private pagesOf(first: number, last: number): number[] {
    const from = Math.floor(first / this.size);
    const to = Math.floor(last / this.size);
    return Array.from({ length: Math.max(0, to - from + 1) }, (_, at) => from + at);
  }

  /** Fetch pages, and only then drop whatever else is here. */
  private async renew(pages: readonly number[]): Promise<void> {
    this.generation += 1;
    const generation = this.generation;
    this.renewing = true;
    try {
      const found = await Promise.all(pages.map((page) => this.fetch(page * this.size, this.size)));
      if (generation !== this.generation) return; // another list was begun meanwhile
      this.rows.clear();
      this.asked.clear();
      for (const [at, page] of pages.entries()) this.take(page, found[at]);
      this.onChange();
    } catch (error) {
      if (generation === this.generation) this.onError(error);
    } finally {
      if (generation === this.generation) this.renewed();
    }
  }

  private renewed(): void {
    this.renewing = false;
    const stale = this.stale;
    this.stale = null;
    if (stale) void this.renew(stale);
  }

  private async bring(page: number, generation: number): Promise<void> {
    this.asked.add(page);
    try {
      const found = await this.fetch(page * this.size, this.size);
      if (generation !== this.generation) return;
      this.take(page, found);
      this.onChange();
    } catch (error) {
      if (generation !== this.generation) return;
      this.asked.delete(page);
      this.onError(error);
    }
  }

  private take(page: number, found: Page<Row> | undefined): void {
    if (!found) return;
    this.asked.add(page);
    this.total = found.total;
    for (const [at, row] of found.rows.entries()) this.rows.set(page * this.size + at, row);
  }
}
