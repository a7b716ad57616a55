// For tests: a disk for outboxes that outlives them, and fails when it is told.
import type { KeptReading } from './outbox-queue.ts';
import type { OpenedOutbox } from './outbox-store.ts';

export class MemoryDisk {
  readonly records = new Map<number, { reading: KeptReading; payload: Buffer | null }>();
  /** What a write says, where it fails. */
  failure: string | null = null;
  isUnreadable = false;
  /** Most payloads that were read at once. */
  mostRead = 0;
  damage: string | null = null;

  readonly open = async (): Promise<OpenedOutbox> => ({
    damage: this.damage,
    kept: [...this.records.values()].map(({ reading }) => ({ ...reading })),
    store: {
      put: async (reading, payload) => {
        if (this.failure !== null) throw new Error(this.failure);
        this.records.set(reading.number, { reading: { ...reading }, payload });
      },
      noteAttempts: ({ attempts, number }) => {
        const record = this.records.get(number);
        if (record) record.reading.attempts = attempts;
      },
      remove: ({ number }) => {
        this.records.delete(number);
      },
      read: async (readings) => {
        if (this.isUnreadable) throw new Error('input/output error');
        this.mostRead = Math.max(this.mostRead, readings.length);
        return readings.map(({ number }) => this.records.get(number)?.payload ?? null);
      },
      close: async () => {},
    },
  });
}
