// For tests: a journal in memory, written at once, that is read as an opened one is.
import type { Journal } from './journal.ts';

export class MemoryJournal implements Journal {
  readonly records = new Map<string, object>();

  /** As a restart finds them: in the order of the keys. */
  get entries(): [string, unknown][] {
    return [...this.records].sort(([a], [b]) => (a < b ? -1 : 1));
  }

  set(key: string, value: object | null): void {
    if (value === null) this.records.delete(key);
    else this.records.set(key, value);
  }

  async close(): Promise<void> {}
}
