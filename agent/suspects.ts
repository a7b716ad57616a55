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
   * The process died in a run of these. Only alone is a reading to blame for more than a first time:
   * what was there by chance is never condemned for its company.
   */
  blame(keys: readonly string[]): void {
    for (const key of keys) {
      const before = this.deaths.get(key) ?? 0;
      this.deaths.delete(key);
      this.deaths.set(key, keys.length === 1 ? before + 1 : Math.max(before, 1));
    }
    this.forgetOldest();
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
