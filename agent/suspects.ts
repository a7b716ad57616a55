// Which readings were being computed when the agent's process died, and what that makes of them.

/** What to do with a reading: run it with others, run it alone, or not at all. */
export type Standing = 'free' | 'suspect' | 'condemned';

/** So many are remembered; the oldest are forgotten first. */
export const MAX_SUSPECTS = 10_000;
/** At so many deaths, the last of them in a run of its own, a reading is not run again. */
const DEATHS = 2;

/** Keys are opaque texts, one per reading. Knows no file and no clock. */
export class Suspects {
  /** Deaths by key, the oldest first. */
  private readonly deaths: Map<string, number>;

  constructor(deaths: Iterable<readonly [key: string, deaths: number]> = []) {
    this.deaths = new Map(deaths);
    this.forgetOldest();
  }

  get size(): number {
    return this.deaths.size;
  }

  standing(key: string): Standing {
    const deaths = this.deaths.get(key) ?? 0;
    if (deaths === 0) return 'free';
    return deaths < DEATHS ? 'suspect' : 'condemned';
  }

  /**
   * Processes died in these runs, one in each: a reading of several is to blame once. Only alone is it to blame for
   * more than a first time: what was there by chance is never condemned for its company.
   */
  blame(...runs: readonly (readonly string[])[]): void {
    const alone = new Set(runs.filter(({ length }) => length === 1).flat());
    for (const key of new Set(runs.flat())) {
      const before = this.deaths.get(key) ?? 0;
      this.deaths.delete(key);
      this.deaths.set(key, alone.has(key) ? before + 1 : Math.max(before, 1));
    }
    this.forgetOldest();
  }

  /** Forgets who is not condemned. @returns whether there was somebody */
  forgive(): boolean {
    const before = this.deaths.size;
    for (const [key, deaths] of this.deaths) {
      if (deaths < DEATHS) this.deaths.delete(key);
    }
    return this.deaths.size < before;
  }

  /** It ran, and the process lives. @returns whether it was known */
  clear(key: string): boolean {
    return this.deaths.delete(key);
  }

  entries(): [key: string, deaths: number][] {
    return [...this.deaths];
  }

  private forgetOldest(): void {
    for (const key of this.deaths.keys()) {
      if (this.deaths.size <= MAX_SUSPECTS) return;
      this.deaths.delete(key);
    }
  }
}
