// Files that outlive the process: what was in a run of the model when it died, and how often it was so.
import {
  closeSync,
  constants,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { InHandRecord, keyOf, readInHand } from './in-hand-record.ts';
import { isAlive } from './is-alive.ts';
import type { RunEntry, RunWatch } from './admitted.ts';
import { Suspects } from './suspects.ts';

interface JournalOptions {
  /** Of this agent and this model alone; made where it is missing. */
  readonly folder: string;
  /** Of the model. */
  readonly digest: string;
  readonly log: Logger;
  /** Default `writeSync`; for tests. */
  readonly write?: typeof writeSync;
}

const SUSPECTS_FILE = 'suspects.json';
const IN_HAND = /^in-hand\.(\d{1,10})$/;
/** Larger files are none of ours. */
const MAX_BYTES = 2 ** 20;
/** What ran well is written down so much later, for many at once. */
const SAVE_MS = 1000;
/** So long a broker keeps a session: what has not come again by then was answered, or is lost. */
const FORGIVE_MS = 3_600_000;
const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;

/**
 * Opens the journal and takes in what the last life left. Nothing is synced to the disk: the page cache
 * outlives a process, and a power loss is nobody's fault.
 * @returns null where the folder cannot be used, which the log tells: the agent serves without
 */
export function openInHandJournal(options: JournalOptions): InHandJournal | null {
  try {
    return new InHandJournal(options);
  } catch (err) {
    const { folder, log } = options;
    log.warn(
      { folder, err },
      'state folder cannot be used: a reading that kills the agent is not recognised. Set ECHOLOT_STATE_DIR to a folder that this user may write',
    );
    return null;
  }
}

export class InHandJournal implements RunWatch {
  private readonly options: JournalOptions;
  private readonly record: InHandRecord;
  private readonly nothing: Uint8Array;
  private readonly suspects: Suspects;
  private readonly path: string;
  private file: number | null;
  private isRunning = false;
  private marking: NodeJS.Immediate | null = null;
  private saveTimer: NodeJS.Timeout | null = null;
  private readonly forgiveTimer: NodeJS.Timeout;

  /** @throws {Error} the folder cannot be used */
  constructor(options: JournalOptions) {
    const { digest, folder } = options;
    this.options = options;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.suspects = new Suspects(this.loadSuspects());
    this.takeInDeaths();
    this.record = new InHandRecord(digest);
    this.nothing = Uint8Array.from(this.record.fill([]));
    this.path = join(folder, `in-hand.${process.pid}`);
    this.file = openSync(this.path, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY, 0o600);
    this.forgiveTimer = setTimeout(() => {
      if (this.suspects.forgive()) this.saveNow();
    }, FORGIVE_MS).unref();
  }

  standing(entry: RunEntry): 'free' | 'suspect' | 'condemned' {
    if (this.suspects.size === 0) return 'free';
    return this.suspects.standing(keyOf(entry));
  }

  refuse({ client, reading }: RunEntry): void {
    this.options.log.error(
      { client, id: reading.id },
      'reading refused: the agent died twice while it was computed',
    );
  }

  begin(entries: readonly RunEntry[]): void {
    this.isRunning = true;
    this.write(this.record.fill(entries));
  }

  /**
   * While there are no suspects the empty record is written when the answers of this turn are out: a death in
   * between makes a suspect of who was served. With suspects it is written at once, so that nobody who was
   * served is ever condemned.
   */
  end(entries: readonly RunEntry[]): void {
    this.isRunning = false;
    if (this.suspects.size === 0) {
      this.marking ??= setImmediate(this.mark);
      return;
    }
    this.write(this.nothing);
    for (const entry of entries) {
      if (this.suspects.clear(keyOf(entry))) this.saveSoon();
    }
  }

  private readonly mark = (): void => {
    this.marking = null;
    if (!this.isRunning) this.write(this.nothing);
  };

  /** A clean end leaves nothing in hand. */
  close(): void {
    if (this.marking) clearImmediate(this.marking);
    clearTimeout(this.forgiveTimer);
    if (this.saveTimer) this.saveNow();
    this.removeFile();
  }

  /** One write at a fixed place, since this is on the way of every reading. */
  private write(bytes: Uint8Array): void {
    if (this.file === null) return;
    const { log, write = writeSync } = this.options;
    try {
      write(this.file, bytes, 0, bytes.length, 0);
    } catch (err) {
      log.warn({ err }, 'what is computed can no longer be noted in the state folder');
      this.removeFile();
    }
  }

  /** What it holds last must blame nobody, whatever ends the process later. */
  private removeFile(): void {
    const { file } = this;
    if (file === null) return;
    this.file = null;
    try {
      rmSync(this.path, { force: true });
      closeSync(file);
    } catch (err) {
      this.options.log.warn({ path: this.path, err }, 'state file cannot be removed');
    }
  }

  private takeInDeaths(): void {
    const { digest, folder, log } = this.options;
    const runs: string[][] = [];
    const files: string[] = [];
    for (const name of readdirSync(folder)) {
      const pid = Number(IN_HAND.exec(name)?.[1]);
      // Another agent by our name may be alive; the broker lets only one of us serve.
      if (!(pid > 0) || (pid !== process.pid && isAlive(pid))) continue;
      const keys = this.read(name, (bytes) => readInHand(bytes, digest)) ?? [];
      if (keys.length > 0) runs.push(keys);
      files.push(join(folder, name));
    }
    if (runs.length > 0) {
      this.suspects.blame(...runs);
      const readings = new Set(runs.flat()).size;
      log.warn({ readings }, 'the last life ended while readings were computed');
      this.saveNow();
    }
    for (const path of files) rmSync(path, { force: true, recursive: true });
  }

  private loadSuspects(): [string, number][] {
    if (!readdirSync(this.options.folder).includes(SUSPECTS_FILE)) return [];
    return this.read(SUSPECTS_FILE, (bytes) => this.parseSuspects(bytes)) ?? [];
  }

  /** What a file holds; null, told in the log, where it is no file of ours. */
  private read<T>(name: string, parse: (bytes: Buffer) => T | null): T | null {
    const path = join(this.options.folder, name);
    try {
      const stat = lstatSync(path);
      const parsed = stat.isFile() && stat.size <= MAX_BYTES ? parse(readFileSync(path)) : null;
      // Opened and not yet written to: nothing was ever computed.
      if (parsed === null && stat.size > 0) this.options.log.warn({ path }, 'state file ignored');
      return parsed;
    } catch (err) {
      this.options.log.warn({ path, err }, 'state file ignored');
      return null;
    }
  }

  private parseSuspects(bytes: Buffer): [string, number][] | null {
    const parsed = JSON.parse(bytes.toString()) as { digest?: unknown; deaths?: unknown } | null;
    if (!Array.isArray(parsed?.deaths) || typeof parsed.digest !== 'string') return null;
    const entries = parsed.deaths as unknown[];
    if (parsed.digest !== this.options.digest) return [];
    return entries.every(isEntry) ? entries : null;
  }

  private saveSoon(): void {
    this.saveTimer ??= setTimeout(() => this.saveNow(), SAVE_MS).unref();
  }

  private saveNow(): void {
    if (this.saveTimer) clearTimeout(this.saveTimer);
    this.saveTimer = null;
    const { digest, folder, log } = this.options;
    const path = join(folder, SUSPECTS_FILE);
    const draft = `${path}.${process.pid}`;
    try {
      writeFileSync(draft, JSON.stringify({ digest, deaths: this.suspects.entries() }), {
        mode: 0o600,
      });
      renameSync(draft, path);
    } catch (err) {
      log.warn({ path, err }, 'suspects cannot be written to the state folder');
    }
  }
}

function isEntry(entry: unknown): entry is [string, number] {
  if (!Array.isArray(entry) || entry.length !== 2) return false;
  const [key, deaths] = entry as unknown[];
  return (
    typeof key === 'string' &&
    /^[0-9a-f]{16}$/.test(key) &&
    Number.isInteger(deaths) &&
    Number(deaths) > 0
  );
}
