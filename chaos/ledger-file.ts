// A ledger on disk, read while its caller writes it: only what is new is read.
import { closeSync, openSync, readSync } from 'node:fs';
import { type LedgerLine, parseLedger } from './ledger.ts';

const CHUNK_BYTES = 65_536;

export class LedgerFile {
  readonly lines: LedgerLine[] = [];
  /** Predictions and problems told, without those told again. */
  told = 0;
  private readonly path: string;
  private readonly open = new Set<string>();
  private position = 0;
  private rest = '';

  constructor(path: string) {
    this.path = path;
  }

  /** Readings that were taken and have no outcome, as of the last `read`. */
  get openCount(): number {
    return this.open.size;
  }

  /** The id of the one that has been open for longest. */
  get oldestOpen(): string | undefined {
    return this.open.keys().next().value;
  }

  /** Takes in what was written since. @throws {Error} a line that is none */
  read(): this {
    this.rest += this.readNew();
    const end = this.rest.lastIndexOf('\n') + 1;
    const lines = parseLedger(this.rest.slice(0, end));
    this.rest = this.rest.slice(end);
    for (const entry of lines) {
      this.lines.push(entry);
      if (entry.line === 'took') this.open.add(entry.id);
      if (entry.line !== 'told') continue;
      this.open.delete(entry.id);
      if (!entry.again) this.told += 1;
    }
    return this;
  }

  private readNew(): string {
    let file: number;
    try {
      file = openSync(this.path, 'r');
    } catch {
      // Its caller has not begun.
      return '';
    }
    const chunk = Buffer.alloc(CHUNK_BYTES);
    let text = '';
    for (;;) {
      const bytes = readSync(file, chunk, 0, CHUNK_BYTES, this.position);
      if (bytes === 0) break;
      // A ledger is plain ASCII.
      text += chunk.toString('latin1', 0, bytes);
      this.position += bytes;
    }
    closeSync(file);
    return text;
  }
}
