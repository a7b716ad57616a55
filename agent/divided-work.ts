// The rows of a large reading, given out in parts to whoever computes them; the first failure ends it.

export class DividedWork {
  private readonly rows: number;
  private readonly compute: (from: number, rows: number) => Promise<void>;
  private given = 0;
  private failure: { readonly error: unknown } | null = null;

  /** @param compute some of the rows, from a row on */
  constructor(rows: number, compute: (from: number, rows: number) => Promise<void>) {
    this.rows = rows;
    this.compute = compute;
  }

  /** Whether there are rows that nobody has begun. */
  get hasMore(): boolean {
    return this.failure === null && this.given < this.rows;
  }

  /** Computes the next rows, so many at most. Never rejects. */
  async computeNext(mostRows: number): Promise<void> {
    const from = this.given;
    const rows = Math.min(mostRows, this.rows - from);
    this.given += rows;
    try {
      await this.compute(from, rows);
    } catch (error) {
      this.failure ??= { error };
    }
  }

  /** @throws what the first part that failed threw */
  check(): void {
    if (this.failure) throw this.failure.error;
  }
}
