// A durable outbox: readings go to disk first, then through the exchange in order, until each has its outcome.
import { CLIENT_PROBLEMS, type Problem } from '../schemas/problems.ts';
import type { Acceptance, OutboxCounts } from './client-types.ts';
import type { Clock } from './clock.ts';
import type { Question } from './exchange.ts';
import { type KeptReading, OutboxQueue, type QueueLimits } from './outbox-queue.ts';
import type { OpenedOutbox, OutboxStore } from './outbox-store.ts';
import type { Reply } from './read-answer.ts';

/** Until a disk that fails is read again. */
const RETRY_MS = 1000;
/** What may wait for a slow disk in memory; more is refused. */
const MAX_STORING_COUNT = 10_000;
const MAX_STORING_BYTES = 16 * 2 ** 20;

export interface OutboxPorts {
  readonly clock: Clock;
  /** Milliseconds since 1970, by the clock that people set. */
  readonly wallNow: () => number;
  readonly open: () => Promise<OpenedOutbox>;
  readonly limits: QueueLimits & { readonly maxAgeMs: number };
  /** There is a connection, and a live agent serves the model. */
  isServed(model: string): boolean;
  ask(question: Question): Promise<Reply>;
  giveUp(model: string, id: string): void;
  /** The one outcome of a reading; it is forgotten when this has returned. */
  tell(id: string, model: string, reply: Reply): void;
  onDamage(detail: string): void;
}

export interface EncodedReading {
  readonly id: string;
  readonly model: string;
  readonly width: number;
  readonly payload: Buffer;
}

export class Outbox {
  /** Rejects with an OutboxError; everything else then does nothing. */
  readonly opened: Promise<void>;
  private readonly ports: OutboxPorts;
  private readonly queue: OutboxQueue;
  private store: OutboxStore | null = null;
  /** Names of what is on its way to the disk. */
  private readonly storing = new Set<string>();
  private storingBytes = 0;
  private nextNumber = 1;
  private isClosed = false;
  private isPaused = false;
  private isPumping = false;
  private cancelRetry: () => void = () => {};
  private cancelExpiry: (() => void) | null = null;
  private dropped = 0;
  private expired = 0;

  constructor(ports: OutboxPorts) {
    this.ports = ports;
    this.queue = new OutboxQueue(ports.limits);
    this.opened = this.open();
  }

  get counts(): OutboxCounts {
    const { bytes, count, oldest } = this.queue;
    const oldestAt = oldest === null ? null : new Date(oldest.capturedAtMs);
    return { kept: count, bytes, oldestAt, dropped: this.dropped, expired: this.expired };
  }

  /**
   * Resolves once the reading is on the disk, or with the problem that keeps it out.
   * @throws {OutboxError} the folder cannot be used
   */
  async keep({ id, model, payload, width }: EncodedReading): Promise<Acceptance> {
    await this.opened;
    const name = `${model}/${id}`;
    const bytes = payload.length;
    const problem = this.checkRoom(bytes) ?? this.checkName(name, model, id);
    if (problem) return { ok: false, problem };
    const { clock, limits, wallNow } = this.ports;
    const capturedAtMs = wallNow();
    const number = this.nextNumber;
    this.nextNumber += 1;
    const reading: KeptReading = { number, id, model, width, bytes, capturedAtMs, attempts: 0 };
    const expiresMs = clock.now() + limits.maxAgeMs;
    this.storing.add(name);
    this.storingBytes += bytes;
    try {
      await this.store?.put(reading, payload);
    } catch (error) {
      const detail = `the reading could not be written to the disk: ${(error as Error).message}`;
      return { ok: false, problem: { code: 'OUTBOX_FULL', detail } };
    } finally {
      this.storing.delete(name);
      this.storingBytes -= bytes;
    }
    if (this.isClosed) return { ok: true, id };
    this.queue.add(reading, expiresMs);
    this.dropOverflow();
    this.armExpiry();
    this.wake();
    return { ok: true, id };
  }

  /** A connection, a status or room may let something go. */
  wake(): void {
    void this.pump();
  }

  /** Nothing goes out any more; what is handed over is still kept. */
  pause(): void {
    this.isPaused = true;
  }

  /** What has no outcome yet stays on disk. */
  async close(): Promise<void> {
    this.isClosed = true;
    this.cancelRetry();
    this.cancelExpiry?.();
    await this.opened.catch(() => undefined);
    await this.store?.close();
  }

  private async open(): Promise<void> {
    const { clock, limits, open, wallNow } = this.ports;
    const { damage, kept, store } = await open();
    this.store = store;
    if (damage !== null) this.ports.onDamage(damage);
    for (const reading of kept) {
      // A wall clock that was set back makes nothing older than it is.
      const ageMs = Math.max(0, wallNow() - reading.capturedAtMs);
      this.queue.add(reading, clock.now() + limits.maxAgeMs - ageMs);
      this.nextNumber = reading.number + 1;
    }
    if (this.isClosed) return;
    this.expire();
    this.dropOverflow();
    this.wake();
  }

  private checkRoom(bytes: number): Problem | null {
    const { maxBytes } = this.ports.limits;
    const { size } = this.storing;
    if (this.isClosed) return { code: 'NOT_CONNECTED', detail: 'the client was closed' };
    if (bytes > maxBytes) {
      const detail = `the reading has ${bytes} bytes, the outbox room for ${maxBytes}`;
      return { code: 'OUTBOX_FULL', detail };
    }
    if (size < MAX_STORING_COUNT && this.storingBytes < MAX_STORING_BYTES) return null;
    return { code: 'OUTBOX_FULL', detail: `${size} readings wait for the disk already` };
  }

  private checkName(name: string, model: string, id: string): Problem | null {
    if (!this.storing.has(name) && !this.queue.has(model, id)) return null;
    return { code: 'ID_INVALID', detail: `the id ${id} is that of a reading still unanswered` };
  }

  /** Hands over what is due, one portion after the other, so that the order holds. */
  private async pump(): Promise<void> {
    const { clock } = this.ports;
    const { store } = this;
    if (this.isPumping || this.isPaused || this.isClosed || store === null) return;
    this.isPumping = true;
    for (;;) {
      const taken = this.queue.take((model) => this.ports.isServed(model));
      if (taken.length === 0) break;
      const payloads = await store.read(taken).catch(() => null);
      if (this.isClosed) break;
      if (payloads === null) {
        this.queue.giveBack(taken);
        this.armExpiry();
        this.cancelRetry();
        this.cancelRetry = clock.after(RETRY_MS, () => this.wake());
        break;
      }
      for (const [at, reading] of taken.entries()) this.hand(reading, payloads[at] ?? null);
    }
    this.isPumping = false;
  }

  private hand(reading: KeptReading, payload: Buffer | null): void {
    const { clock } = this.ports;
    const expiresMs = this.queue.expiryOf(reading);
    // Dropped while it was read.
    if (expiresMs === null) return;
    if (payload === null) {
      this.expired += 1;
      this.end(reading, fail('TIMEOUT', 'its record in the outbox is damaged'));
      return;
    }
    const { id, model, width } = reading;
    const question: Question = {
      id,
      model,
      payload,
      asked: { form: 'single', rows: 1, width },
      timeoutMs: Math.max(1, expiresMs - clock.now()),
      waitForModel: true,
      isKept: true,
      onSent: () => {
        reading.attempts += 1;
        this.store?.noteAttempts(reading);
      },
    };
    void this.ports.ask(question).then((reply) => {
      if (this.isClosed || this.queue.expiryOf(reading) === null) return;
      if (this.isPaused) {
        this.queue.giveBack([reading]);
        return;
      }
      if (!reply.ok && reply.problem.code in CLIENT_PROBLEMS) this.expired += 1;
      this.end(reading, reply);
      this.wake();
    });
  }

  private dropOverflow(): void {
    const { maxBytes, maxCount } = this.ports.limits;
    for (const reading of this.queue.overflow()) {
      this.dropped += 1;
      const detail = `dropped for newer readings: the outbox holds at most ${maxCount} readings and ${maxBytes} bytes`;
      this.end(reading, fail('OUTBOX_FULL', detail));
      this.ports.giveUp(reading.model, reading.id);
    }
  }

  private expire(): void {
    const { clock, limits } = this.ports;
    for (const reading of this.queue.expire(clock.now())) {
      this.expired += 1;
      const detail = `no answer within the ${limits.maxAgeMs} ms that a reading is kept, published ${reading.attempts} times`;
      this.end(reading, fail('TIMEOUT', detail));
    }
    this.armExpiry();
  }

  private armExpiry(): void {
    const { nextExpiryMs } = this.queue;
    if (this.cancelExpiry !== null || nextExpiryMs === null || this.isClosed) return;
    const { clock } = this.ports;
    this.cancelExpiry = clock.after(Math.max(1, nextExpiryMs - clock.now()), () => {
      this.cancelExpiry = null;
      this.expire();
    });
  }

  /** Told first and forgotten then: a crash in between tells it once more and loses nothing. */
  private end(reading: KeptReading, reply: Reply): void {
    this.queue.remove(reading);
    this.ports.tell(reading.id, reading.model, reply);
    this.store?.remove(reading);
  }
}

function fail(code: Problem['code'], detail: string): Reply {
  return { ok: false, problem: { code, detail } };
}
