// What waits in an outbox, looked at from outside: no broker is asked and nothing is changed.
import type { KeptReading } from './outbox-queue.ts';
import { openOutboxStore } from './outbox-store.ts';

export interface WaitingReadings {
  readonly count: number;
  /** Of the payloads. */
  readonly bytes: number;
  /** When the oldest was captured, RFC 3339; `null` where none waits. */
  readonly oldest: string | null;
  /** How often they were published without an answer, all together. */
  readonly attempts: number;
}

export interface OutboxListing extends WaitingReadings {
  /** In order of their oldest reading. */
  readonly models: readonly (WaitingReadings & { readonly model: string })[];
  /** What could not be read of the outbox; `null` where all is well. */
  readonly damage: string | null;
}

/** @throws {OutboxError} there is none, another process uses it, or it is damaged */
export async function listOutbox(folder: string): Promise<OutboxListing> {
  const { damage, kept, store } = await openOutboxStore(folder, false);
  await store.close();
  const models = [...new Set(kept.map(({ model }) => model))];
  return {
    ...summarize(kept),
    models: models.map((model) => ({
      model,
      ...summarize(kept.filter((reading) => reading.model === model)),
    })),
    damage,
  };
}

function summarize(readings: readonly KeptReading[]): WaitingReadings {
  const [first] = readings;
  return {
    count: readings.length,
    bytes: readings.reduce((sum, { bytes }) => sum + bytes, 0),
    oldest: first === undefined ? null : new Date(first.capturedAtMs).toISOString(),
    attempts: readings.reduce((sum, { attempts }) => sum + attempts, 0),
  };
}
