// The file that scoring writes: what an earlier run left is checked and kept, the rest appended.
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { readRecords } from './csv-input.ts';
import type { CsvLayout, CsvRow } from './csv-layout.ts';
import {
  headerFields,
  labelsOfHeader,
  rowFields,
  type ScoredRow,
  type Tally,
  toCell,
  toLine,
} from './csv-output.ts';
import { ScoreCsvError } from './score-error.ts';

const NEWLINE = 0x0a;
const TAIL_BYTES = 64 * 1024;

export class ScoredFile {
  private readonly path: string;
  private readonly handle: FileHandle;
  private readonly isNew: boolean;
  private labels: readonly string[] = [];

  private constructor(path: string, handle: FileHandle, isNew: boolean) {
    this.path = path;
    this.handle = handle;
    this.isNew = isNew;
  }

  /** @throws {ScoreCsvError} */
  static async open(path: string): Promise<ScoredFile> {
    try {
      return new ScoredFile(path, await open(path, 'ax+'), true);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw unwritable(path, error);
    }
    try {
      return new ScoredFile(path, await open(path, 'a+'), false);
    } catch (error) {
      throw unwritable(path, error);
    }
  }

  /**
   * Goes through the rows of an earlier run, side by side with the input; then cuts off a torn line.
   * @returns whether a header stands there
   * @throws {ScoreCsvError} where the file is not the beginning of this output; it is left untouched
   */
  async resume(layout: CsvLayout, rows: AsyncIterator<CsvRow>, tally: Tally): Promise<boolean> {
    const whole = await this.wholeBytes();
    if (whole > 0) await this.check(layout, rows, tally, whole);
    else await this.checkFragment(layout);
    await this.handle.truncate(whole);
    return whole > 0;
  }

  async writeHeader(layout: CsvLayout, labels: readonly string[]): Promise<void> {
    this.labels = labels;
    await this.append(toLine(headerFields(layout, labels)));
  }

  async writeRows(rows: readonly CsvRow[], scored: readonly ScoredRow[]): Promise<void> {
    const lines = rows.map((row, index) =>
      toLine(rowFields(row, scored[index] as ScoredRow, this.labels)),
    );
    await this.append(lines.join(''));
  }

  /** Leaves no file behind that was made here and has nothing in it. */
  async close(): Promise<void> {
    try {
      await this.handle.sync();
      const { size } = await this.handle.stat();
      if (this.isNew && size === 0) await unlink(this.path);
    } finally {
      await this.handle.close();
    }
  }

  private async append(text: string): Promise<void> {
    try {
      await this.handle.appendFile(text);
    } catch (error) {
      throw unwritable(this.path, error);
    }
  }

  /** Bytes up to and with the last newline. */
  private async wholeBytes(): Promise<number> {
    let { size: end } = await this.handle.stat();
    const buffer = Buffer.alloc(TAIL_BYTES);
    while (end > 0) {
      const start = Math.max(0, end - TAIL_BYTES);
      const { bytesRead } = await this.handle.read(buffer, 0, end - start, start);
      const at = buffer.subarray(0, bytesRead).lastIndexOf(NEWLINE);
      if (at >= 0) return start + at + 1;
      end = start;
    }
    return 0;
  }

  /** A file without a whole line may only be the torn header of this output. */
  private async checkFragment(layout: CsvLayout): Promise<void> {
    const { size } = await this.handle.stat();
    const buffer = Buffer.alloc(Math.min(size, TAIL_BYTES));
    await this.handle.read(buffer, 0, buffer.length, 0);
    const there = buffer.toString('utf8');
    const start = toLine(headerFields(layout, []).slice(0, -2)).slice(0, -1);
    if (start.startsWith(there) || there.startsWith(start)) return;
    throw this.foreign('it does not begin with its header');
  }

  private async check(
    layout: CsvLayout,
    rows: AsyncIterator<CsvRow>,
    tally: Tally,
    wholeBytes: number,
  ): Promise<void> {
    const written = readRecords(this.path, wholeBytes);
    const header = await written.next();
    const labels = header.done ? null : labelsOfHeader(header.value, layout);
    if (labels === null) throw this.foreign('its header is not the one of this scoring');
    this.labels = labels;
    const labelAt = layout.labelColumn === null ? 1 : 2;
    for await (const record of written) {
      const next = await rows.next();
      if (next.done) throw this.foreign('it has more rows than the input');
      const { id, expected, number } = next.value;
      const isSame =
        record[0] === toCell(id) && (expected === null || record[1] === toCell(expected));
      if (!isSame) throw this.foreign(`its row ${number} is not the row ${number} of the input`);
      tally.add(expected, record[labelAt] ?? '', record.at(-2) ?? '');
    }
  }

  private foreign(why: string): ScoreCsvError {
    const message = `${this.path} exists and is not the beginning of this output: ${why}`;
    return new ScoreCsvError('OUTPUT_FOREIGN', message, 'name another output, or remove that file');
  }
}

function unwritable(path: string, error: unknown): ScoreCsvError {
  const message = `${path} cannot be written: ${error instanceof Error ? error.message : String(error)}`;
  const remedy = 'name a file in a folder that exists, with room, and that this user may write';
  return new ScoreCsvError('OUTPUT_UNWRITABLE', message, remedy, { cause: error });
}
