// Reads CSV files as a stream of records and of rows: quotes, CRLF and a byte order mark included.
import { createReadStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import { CsvError, parse } from 'csv-parse';
import { type CsvHints, type CsvLayout, type CsvRow, readLayout, readRow } from './csv-layout.ts';
import { ScoreCsvError } from './score-error.ts';

/** A longer record is an unclosed quote, not a reading. */
const MAX_RECORD_BYTES = 4 * 1024 * 1024;

/**
 * @param bytes read no more than these
 * @throws {ScoreCsvError} where the file cannot be read or is no CSV
 */
export async function* readRecords(path: string, bytes?: number): AsyncGenerator<string[]> {
  const file = createReadStream(path, bytes === undefined ? {} : { end: bytes - 1 });
  const parser = parse({
    bom: true,
    relax_column_count: true,
    relax_quotes: true,
    skip_empty_lines: true,
    max_record_size: MAX_RECORD_BYTES,
  });
  file.once('error', (error) => parser.destroy(error));
  try {
    for await (const record of file.pipe(parser)) yield record as string[];
  } catch (error) {
    throw explain(path, error);
  } finally {
    file.destroy();
    await finished(file).catch(() => {});
  }
}

/** `null` for a file without a line. */
export async function findLayout(path: string, hints: CsvHints): Promise<CsvLayout | null> {
  const head: string[][] = [];
  for await (const record of readRecords(path)) {
    head.push(record);
    if (head.length === 2) break;
  }
  const [first, second] = head;
  return first === undefined ? null : readLayout(first, second, hints);
}

/** The rows without the header, numbered from 1. */
export async function* readRows(path: string, layout: CsvLayout): AsyncGenerator<CsvRow> {
  let number = layout.hasHeader ? -1 : 0; // The header is row 0.
  for await (const record of readRecords(path)) {
    number += 1;
    if (number > 0) yield readRow(record, number, layout);
  }
}

function explain(path: string, error: unknown): ScoreCsvError {
  if (error instanceof CsvError) {
    const message = `${path} is no CSV: ${error.message}`;
    const remedy = 'expected are fields between commas, in double quotes where they hold commas';
    return new ScoreCsvError('INPUT_MALFORMED', message, remedy, { cause: error });
  }
  const message = `${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`;
  const remedy = 'give the path of a CSV file that this user may read';
  return new ScoreCsvError('INPUT_UNREADABLE', message, remedy, { cause: error });
}
