// The readings that echolot outbox send is given: as arguments, in a file, on standard input or as CSV.
import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import type { OutgoingReading } from '../devices/client.ts';
import { findLayout, readRows } from '../devices/csv-input.ts';
import type { Context } from './context.ts';
import { CliError, problemText } from './errors.ts';
import { parseValues } from './read-values.ts';

export interface ReadingFlags {
  readonly file?: string;
  readonly csv?: string;
  readonly idColumn?: string;
  readonly labelColumn?: string;
}

/**
 * In order of capture. Nothing on standard input, or a terminal there, is no reading.
 * @throws {CliError} two sources at once, or what cannot be read as values
 */
export async function readReadings(
  values: readonly string[],
  flags: ReadingFlags,
  { stdin }: Pick<Context, 'stdin'>,
): Promise<AsyncIterable<OutgoingReading> | Iterable<OutgoingReading>> {
  const { csv, file } = flags;
  const sources = [values.length > 0 && 'arguments', file && '--file', csv && '--csv'].filter(
    Boolean,
  );
  if (sources.length > 1) {
    throw new CliError(`values come from ${sources.join(' and ')}`, 'Give them in one way.');
  }
  if (csv !== undefined) return csvReadings(csv, flags);
  if (values.length > 0) return parse(values.join(' '));
  if (file !== undefined && file !== '-') return parse(await readFile(file, 'utf8'));
  const given = stdin.isTTY ? '' : await text(stdin);
  return given.trim() === '' ? [] : parse(given);
}

function parse(given: string): OutgoingReading[] {
  const read = parseValues(given);
  if (!read.ok) {
    const [error = '', hint = ''] = problemText(read.problem).split('\n');
    throw new CliError(error.replace(/^error: /, ''), hint.replace(/^hint: /, ''), {
      code: read.problem.code,
      exitCode: 1,
    });
  }
  const rows = Array.isArray(read.value[0]) ? (read.value as number[][]) : [read.value as number[]];
  return rows.map((row) => ({ values: row }));
}

async function* csvReadings(
  path: string,
  { idColumn, labelColumn }: ReadingFlags,
): AsyncGenerator<OutgoingReading> {
  const hints = { ...(idColumn && { idColumn }), ...(labelColumn && { labelColumn }) };
  const layout = await findLayout(path, hints);
  if (layout === null) return;
  for await (const { id, notNumber, number, values } of readRows(path, layout)) {
    if (notNumber) {
      throw new CliError(
        `${path}: row ${number} holds ${JSON.stringify(notNumber.text.slice(0, 40))} where a number belongs`,
        'Correct the row. The rows before it are in the outbox already.',
        { code: 'VALUES_NOT_NUMBERS', exitCode: 1 },
      );
    }
    yield layout.idColumn === null ? { values } : { id, values };
  }
}
