// The outbox on disk, and the one user of LevelDB among the devices: synced in groups, reopened after a failure.
import { ClassicLevel } from 'classic-level';
import { OutboxError } from './outbox-error.ts';
import { checkFolder, damaged, foreign, readDamage } from './outbox-folder.ts';
import type { KeptReading } from './outbox-queue.ts';

/** Under which a folder says what it is. */
const FORMAT_KEY = 'format';
const FORMAT = 'echolot-outbox 1';
const RETRY_MS = 1000;
/** Records in one write: what is handed over meanwhile goes with the next. */
const MAX_GROUP = 1000;

export interface OutboxStore {
  /** Resolves once the reading is on the disk, power loss included. Rejects where the disk takes nothing. */
  put(reading: KeptReading, payload: Buffer): Promise<void>;
  /** Notes `attempts`. Written behind: lost in a crash, it is noted again. */
  noteAttempts(reading: KeptReading): void;
  /** Written behind: lost in a crash, the reading is sent once more. */
  remove(reading: KeptReading): void;
  /** The payloads, in the same order; `null` for one that is damaged. Rejects while the disk fails. */
  read(readings: readonly KeptReading[]): Promise<(Buffer | null)[]>;
  /** Writes what is to be written, if the disk takes it. */
  close(): Promise<void>;
}

export interface OpenedOutbox {
  readonly store: OutboxStore;
  /** In order of capture. */
  readonly kept: readonly KeptReading[];
  /** What could not be read of it; `null` where all is well. */
  readonly damage: string | null;
}

type Level = ClassicLevel<string, Buffer>;

/**
 * Opens an outbox and lists what it keeps.
 * @param mayCreate make one where there is none
 * @throws {OutboxError} in use by another process, damaged, no outbox, or no rights
 */
export async function openOutboxStore(folder: string, mayCreate = true): Promise<OpenedOutbox> {
  await checkFolder(folder, mayCreate);
  const level: Level = new ClassicLevel<string, Buffer>(folder, { valueEncoding: 'buffer' });
  try {
    await level.open();
    await checkFormat(folder, level);
    const { kept, unreadable } = await readIndex(level);
    const damage =
      unreadable > 0 ? `${unreadable} of its records are unreadable` : await readDamage(folder);
    return { store: new LevelStore(level), kept, damage };
  } catch (error) {
    await level.close().catch(() => undefined);
    throw error instanceof OutboxError ? error : explainOpening(folder, error);
  }
}

async function checkFormat(folder: string, level: Level): Promise<void> {
  const format = await level.get(FORMAT_KEY);
  if (format?.toString() === FORMAT) return;
  if (format !== undefined) throw foreign(folder, `${FORMAT_KEY} ${String(format).slice(0, 40)}`);
  const [key] = await level.keys({ limit: 1 }).all();
  if (key !== undefined) throw foreign(folder, `a database with the key ${key.slice(0, 40)}`);
  await level.put(FORMAT_KEY, Buffer.from(FORMAT), { sync: true });
}

async function readIndex(level: Level): Promise<{ kept: KeptReading[]; unreadable: number }> {
  const attempts = new Map<string, number>();
  for await (const [key, value] of level.iterator({ gt: 'attempts/', lt: 'attempts0' })) {
    attempts.set(key.slice('attempts/'.length), Number(value.toString()) || 0);
  }
  const kept: KeptReading[] = [];
  let unreadable = 0;
  for await (const [key, value] of level.iterator({ gt: 'reading/', lt: 'reading0' })) {
    const suffix = key.slice('reading/'.length);
    const reading = parseReading(suffix, value, attempts.get(suffix) ?? 0);
    if (reading) kept.push(reading);
    else unreadable += 1;
  }
  return { kept, unreadable };
}

function parseReading(suffix: string, value: Buffer, attempts: number): KeptReading | null {
  const number = Number.parseInt(suffix, 16);
  try {
    const parsed: unknown = JSON.parse(value.toString());
    if (!Array.isArray(parsed) || !Number.isSafeInteger(number)) return null;
    const [id, model, width, bytes, capturedAtMs] = parsed as unknown[];
    if (typeof id !== 'string' || typeof model !== 'string') return null;
    if (![width, bytes, capturedAtMs].every(Number.isFinite)) return null;
    return {
      number,
      id,
      model,
      width: width as number,
      bytes: bytes as number,
      capturedAtMs: capturedAtMs as number,
      attempts,
    };
  } catch {
    return null;
  }
}

function explainOpening(folder: string, error: unknown): OutboxError {
  const cause = ((error as Error).cause ?? error) as Error & { readonly code?: string };
  if (cause.code === 'LEVEL_LOCKED') {
    return new OutboxError(
      'OUTBOX_IN_USE',
      `another process is using the outbox ${folder}`,
      'Wait until it has ended or stop it; each process needs an outbox of its own.',
      { cause },
    );
  }
  if (/permission|denied|no space|too large|read-only/i.test(cause.message)) {
    return new OutboxError(
      'OUTBOX_UNUSABLE',
      `the outbox ${folder} cannot be opened: ${cause.message}`,
      'Give this user the rights to the folder, and its disk some room.',
      { cause },
    );
  }
  return damaged(folder, cause.message, cause);
}

interface Waiter {
  readonly keys: readonly string[];
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

class LevelStore implements OutboxStore {
  private readonly level: Level;
  /** The last word on each key; `null` deletes. */
  private pending = new Map<string, Buffer | null>();
  private waiters: Waiter[] = [];
  private writing: Promise<void> | null = null;
  private isClosing = false;
  /** Why the last write failed; `null` while the disk takes what it is given. */
  private failure: Error | null = null;
  private wake: () => void = () => {};

  constructor(level: Level) {
    this.level = level;
  }

  put(reading: KeptReading, payload: Buffer): Promise<void> {
    if (this.isClosing) return Promise.reject(new Error('the outbox is closed'));
    if (this.failure) return Promise.reject(this.failure);
    const { id, model, width, bytes, capturedAtMs } = reading;
    const [key, payloadKey] = keysOf(reading);
    this.pending.set(key, Buffer.from(JSON.stringify([id, model, width, bytes, capturedAtMs])));
    this.pending.set(payloadKey, payload);
    return new Promise((resolve, reject) => {
      this.waiters.push({ keys: [key, payloadKey], resolve, reject });
      this.writing ??= this.write();
    });
  }

  noteAttempts(reading: KeptReading): void {
    if (this.isClosing) return;
    this.pending.set(keysOf(reading)[2], Buffer.from(String(reading.attempts)));
    this.writing ??= this.write();
  }

  remove(reading: KeptReading): void {
    if (this.isClosing) return;
    const [key, payloadKey, attemptsKey] = keysOf(reading);
    this.pending.set(key, null);
    this.pending.set(payloadKey, null);
    if (reading.attempts > 0) this.pending.set(attemptsKey, null);
    this.writing ??= this.write();
  }

  async read(readings: readonly KeptReading[]): Promise<(Buffer | null)[]> {
    const keys = readings.map((reading) => keysOf(reading)[1]);
    try {
      const payloads = await this.level.getMany(keys);
      return payloads.map((payload) => payload ?? null);
    } catch (error) {
      if (this.level.status !== 'open') throw error;
      // One damaged block must not hold up the others.
      return Promise.all(keys.map((key) => this.level.get(key).then(orNull, () => null)));
    }
  }

  async close(): Promise<void> {
    this.isClosing = true;
    this.wake();
    while (this.writing) await this.writing;
    await this.level.close();
  }

  /** One group at a time, synced where somebody waits for it; what comes meanwhile is the next. */
  private async write(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    while (this.pending.size > 0) {
      const waiters = this.waiters.splice(0, MAX_GROUP);
      const group = this.waiters.length === 0 ? this.pending : this.takeGroup(waiters);
      if (group === this.pending) this.pending = new Map();
      try {
        await this.reopen();
        await this.level.batch(toOperations(group), { sync: waiters.length > 0 });
        this.failure = null;
        for (const { resolve } of waiters) resolve();
      } catch (cause) {
        await this.recover(group, waiters, cause);
        if (this.isClosing) break;
        await this.pause();
      }
    }
    this.writing = null;
  }

  private takeGroup(waiters: readonly Waiter[]): Map<string, Buffer | null> {
    const group = new Map<string, Buffer | null>();
    for (const key of waiters.flatMap(({ keys }) => keys)) {
      group.set(key, this.pending.get(key) ?? null);
      this.pending.delete(key);
    }
    return group;
  }

  private async reopen(): Promise<void> {
    if (this.level.status !== 'open') await this.level.open();
  }

  /**
   * After a failed write the log of the database may end in half a record, which would hide what
   * follows it: it is closed, and read anew before the next write. What was refused must not come back.
   */
  private async recover(
    group: Map<string, Buffer | null>,
    waiters: readonly Waiter[],
    cause: unknown,
  ): Promise<void> {
    const { message } = ((cause as Error).cause ?? cause) as Error;
    const failure = new Error(message, { cause });
    this.failure = failure;
    this.pending = new Map([...group, ...this.pending]);
    for (const { keys, reject } of [...waiters, ...this.waiters.splice(0)]) {
      for (const key of keys) this.pending.set(key, null);
      reject(failure);
    }
    await this.level.close().catch(() => undefined);
  }

  private pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, RETRY_MS);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

function toOperations(group: Map<string, Buffer | null>) {
  return [...group].map(([key, value]) =>
    value === null ? { type: 'del' as const, key } : { type: 'put' as const, key, value },
  );
}

/** Of the reading, of its payload and of its attempts; numbers sort as text. */
function keysOf({ number }: KeptReading): [string, string, string] {
  const suffix = number.toString(16).padStart(14, '0');
  return [`reading/${suffix}`, `payload/${suffix}`, `attempts/${suffix}`];
}

function orNull(payload: Buffer | undefined): Buffer | null {
  return payload ?? null;
}
