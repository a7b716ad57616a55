// What must survive a restart, as keys and values; and the journal on disk, the one user of LevelDB.
import { ClassicLevel } from 'classic-level';
import type { Logger } from 'pino';
import { decodeCbor, encodeCbor } from '../schemas/cbor.ts';

/** Written behind: `set` never waits and never fails, and the last word on a key counts. */
export interface Journal {
  /** `null` deletes. The value must not be changed afterwards. */
  set(key: string, value: object | null): void;
  close(): Promise<void>;
}

/** For a broker that keeps nothing. */
export const NO_JOURNAL: Journal = { set: () => undefined, close: async () => undefined };

/** The data folder cannot be used: exit 78 where a person must act, 75 where room may come back by itself. */
export class DataFolderError extends Error {
  readonly code = 'DATA_FOLDER_UNUSABLE';
  readonly exitCode: 75 | 78;
  readonly remedy: string;

  constructor(
    message: string,
    remedy: string,
    { exitCode = 78, ...options }: ErrorOptions & { readonly exitCode?: 75 | 78 } = {},
  ) {
    super(message, options);
    this.name = 'DataFolderError';
    this.exitCode = exitCode;
    this.remedy = remedy;
  }
}

/** More than this waits for the disk only where it fails: then nothing more is kept. */
const MAX_PENDING = 200_000;

/**
 * Opens the journal and reads what is in it, in the order of the keys.
 * @throws {DataFolderError} in use by another broker, no rights, or damaged
 */
export async function openJournal(
  folder: string,
  log: Logger,
): Promise<{ journal: Journal; entries: [string, unknown][] }> {
  const level = new ClassicLevel<string, Buffer>(folder, { valueEncoding: 'buffer' });
  try {
    await level.open();
    const entries: [string, unknown][] = [];
    let unreadable = 0;
    for await (const [key, bytes] of level.iterator()) {
      const decoded = decodeCbor(bytes);
      if (decoded.ok) entries.push([key, decoded.value]);
      else unreadable += 1;
    }
    if (unreadable > 0) log.error({ unreadable }, 'records of the data folder are unreadable');
    return { journal: new LevelJournal(level, log), entries };
  } catch (error) {
    await level.close().catch(() => undefined);
    throw unusable(folder, error);
  }
}

/** What LevelDB says of a folder, for a person. */
export function unusable(folder: string, error: unknown): DataFolderError {
  const cause = ((error as Error).cause ?? error) as Error & { code?: string };
  if (cause.code === 'LEVEL_LOCKED') {
    const message = `another broker is using the data folder ${folder}`;
    const remedy = 'Stop that broker, or name another data folder.';
    return new DataFolderError(message, remedy, { cause: error });
  }
  const message = `the data folder ${folder} cannot be opened: ${cause.message}`;
  if (/no space left|quota exceeded/i.test(cause.message)) {
    const remedy = 'Free some space on that disk; nothing of what is there is lost.';
    return new DataFolderError(message, remedy, { cause: error, exitCode: 75 });
  }
  const remedy =
    'Give this user the rights to it; where it is damaged, move it away: sessions and retained messages start anew.';
  return new DataFolderError(message, remedy, { cause: error });
}

class LevelJournal implements Journal {
  private readonly level: ClassicLevel<string, Buffer>;
  private readonly log: Logger;
  private pending = new Map<string, object | null>();
  private writing: Promise<void> | null = null;
  private hasFailed = false;

  constructor(level: ClassicLevel<string, Buffer>, log: Logger) {
    this.level = level;
    this.log = log;
  }

  set(key: string, value: object | null): void {
    if (this.pending.size >= MAX_PENDING && !this.pending.has(key)) return;
    this.pending.set(key, value);
    this.writing ??= this.write();
  }

  async close(): Promise<void> {
    while (this.writing) await this.writing;
    await this.level.close();
  }

  /** One batch at a time; what comes meanwhile is the next. What is set and deleted costs one key. */
  private async write(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    while (this.pending.size > 0) {
      const batch = this.pending;
      this.pending = new Map();
      try {
        await this.level.batch(
          [...batch].map(([key, value]) =>
            value === null
              ? { type: 'del' as const, key }
              : { type: 'put' as const, key, value: encodeCbor(value) },
          ),
        );
        if (this.hasFailed) this.log.info('the data folder takes writes again');
        this.hasFailed = false;
      } catch (err) {
        if (!this.hasFailed) this.log.error({ err }, 'the data folder takes no writes');
        this.hasFailed = true;
        this.pending = new Map([...batch, ...this.pending]);
        await new Promise((resolve) => setTimeout(resolve, 1000).unref());
        if (this.level.status !== 'open') break;
      }
    }
    this.writing = null;
  }
}
