// Scores a whole CSV file: streaming, in batches, resumable, with a summary.
import type { Client } from './client-types.ts';
import { type Clock, systemClock } from './clock.ts';
import { findLayout, readRows } from './csv-input.ts';
import type { CsvHints, CsvLayout, CsvRow } from './csv-layout.ts';
import { type ScoredRow, Tally } from './csv-output.ts';
import { ScoreCsvError } from './score-error.ts';
import { RowScorer, ScoringStopped } from './score-rows.ts';
import { ScoredFile } from './scored-file.ts';

/** Below the 64 KiB that a careful broker takes in one packet. */
const BATCH_BYTES = 60_000;
const MAX_BATCH_ROWS = 1024;
/** Batches out at the same time. */
const PARALLEL = 8;
/** Rows asked together while looking for the first that the model takes. */
const PROBE_ROWS = 64;

export interface ScoreCsvOptions extends CsvHints {
  readonly input: string;
  /** Rows that stand there already are checked against the input and not scored again. */
  readonly output: string;
  /** One with `encoding: 'cbor'` is several times faster. */
  readonly client: Pick<Client, 'classify' | 'classifyBatch'>;
  readonly model?: string;
  /** Per message. Default 10000. */
  readonly timeoutMs?: number;
  /** How long the run outwaits a broker or agent that goes away. Default 60000. */
  readonly patienceMs?: number;
  /** After every batch. */
  readonly onProgress?: (progress: { readonly rows: number; readonly seconds: number }) => void;
  /** Stops the run; what is written stays, and another run goes on from there. */
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
}

export interface ScoreSummary {
  /** All rows of the output, those of earlier runs included. */
  readonly rows: number;
  /** Rows that were there at the start. */
  readonly resumed: number;
  readonly classified: number;
  /** Rows per problem code. */
  readonly problems: Readonly<Record<string, number>>;
  /** Rows per predicted label. */
  readonly labels: Readonly<Record<string, number>>;
  /** Of the classified rows with a known label, from 0 to 1; `null` where the file has none. */
  readonly accuracy: number | null;
  /** Of this run. */
  readonly seconds: number;
}

/**
 * Reads `input` and writes `output`: a header, then one line per row in order, with the columns
 * id (or `row`), `expected` (where the input has labels), `label`, `score`, `score_…` per label,
 * `problem` and `detail`. A bad row gets its problem and stops nothing.
 * @throws {ScoreCsvError}
 */
export async function scoreCsv(options: ScoreCsvOptions): Promise<ScoreSummary> {
  const { input, clock = systemClock, onProgress = () => {} } = options;
  const startMs = clock.now();
  const seconds = () => (clock.now() - startMs) / 1000;
  const layout = await findLayout(input, options);
  if (layout === null) {
    const remedy = 'give a file with one reading per line';
    throw new ScoreCsvError('INPUT_MALFORMED', `${input} is empty`, remedy);
  }
  const scorer = new RowScorer({
    client: options.client,
    clock,
    model: options.model,
    timeoutMs: options.timeoutMs ?? 10_000,
    patienceMs: options.patienceMs ?? 60_000,
    signal: options.signal,
  });
  const tally = new Tally();
  const rows = readRows(input, layout);
  const file = await ScoredFile.open(options.output);
  try {
    const hasHeader = await file.resume(layout, rows, tally);
    const resumed = tally.rows;
    const { width, labels } = await findShape(input, layout, scorer);
    if (!hasHeader) await file.writeHeader(layout, labels);
    for await (const { batch, scored } of scoreInOrder(rows, scorer, width, options.signal)) {
      await file.writeRows(batch, scored);
      for (const [index, { expected }] of batch.entries()) {
        const result = scored[index] as ScoredRow;
        if (result.ok) tally.add(expected, result.prediction.label, '');
        else tally.add(expected, '', result.problem.code);
      }
      onProgress({ rows: tally.rows, seconds: seconds() });
    }
    return summarize(tally, resumed, seconds());
  } catch (error) {
    throw error instanceof ScoringStopped ? stopped(error, tally) : error;
  } finally {
    await file.close();
    await rows.return(undefined);
  }
}

interface Shape {
  /** Numbers that the model takes; `null` where it took no row. */
  readonly width: number | null;
  readonly labels: readonly string[];
}

/** Asks for single rows until the model takes one, which tells its width and its labels. */
async function findShape(input: string, layout: CsvLayout, scorer: RowScorer): Promise<Shape> {
  for await (const probe of chunks(readRows(input, layout), PROBE_ROWS)) {
    // A model that is not there at the start is a wrong name, not an outage.
    const [first, ...rest] = probe;
    const scored = first === undefined ? [] : [await scorer.one(first, 0)];
    if (!scored[0]?.ok) scored.push(...(await Promise.all(rest.map((row) => scorer.one(row, 0)))));
    for (const [index, result] of scored.entries()) {
      const width = probe[index]?.values.length ?? 0;
      if (result.ok) return { width, labels: Object.keys(result.prediction.scores) };
      const isRefused = result.problem.code === 'VALUES_WRONG_LENGTH';
      if (isRefused && layout.hasHeader && width === layout.width) {
        const message = `${input} has ${width} columns of values: ${result.problem.detail}`;
        const remedy = 'remove the columns that are no values, or name the id and label columns';
        throw new ScoreCsvError('COLUMNS_UNFIT', message, remedy, { problem: result.problem });
      }
    }
  }
  return { width: null, labels: [] };
}

/** Keeps several batches out and gives them back in order. */
async function* scoreInOrder(
  rows: AsyncGenerator<CsvRow>,
  scorer: RowScorer,
  width: number | null,
  signal: AbortSignal | undefined,
): AsyncGenerator<{ batch: CsvRow[]; scored: ScoredRow[] }> {
  const fitting = Math.floor(BATCH_BYTES / (4 * (width ?? 1)));
  const batchRows = Math.max(1, Math.min(MAX_BATCH_ROWS, fitting));
  const out: { batch: CsvRow[]; result: Promise<ScoredRow[]> }[] = [];
  for await (const batch of chunks(rows, batchRows)) {
    const result = scorer.many(batch, width);
    // An earlier batch may fail first; this one's failure is then nobody's news.
    result.catch(() => {});
    out.push({ batch, result });
    const first = out.length < PARALLEL ? undefined : out.shift();
    if (first) yield { batch: first.batch, scored: await first.result };
    if (signal?.aborted)
      throw new ScoringStopped({ code: 'TIMEOUT', detail: 'the run was stopped' });
  }
  for (const { batch, result } of out) yield { batch, scored: await result };
}

async function* chunks<Item>(items: AsyncIterable<Item>, size: number): AsyncGenerator<Item[]> {
  let chunk: Item[] = [];
  for await (const item of items) {
    chunk.push(item);
    if (chunk.length < size) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}

function stopped({ problem, message }: ScoringStopped, { rows }: Tally): ScoreCsvError {
  const isNobodyThere = problem.code === 'MODEL_UNKNOWN' || problem.code === 'NOT_CONNECTED';
  if (rows === 0 && isNobodyThere) {
    const remedy = 'check the broker, the name of the model, and that an agent serves it';
    return new ScoreCsvError('NOBODY_THERE', message, remedy, { problem });
  }
  const text = `the scoring stopped after ${rows} rows: ${message}`;
  const remedy = 'run the same command again when the cause is mended: it goes on from there';
  return new ScoreCsvError('STOPPED', text, remedy, { problem });
}

function summarize(tally: Tally, resumed: number, seconds: number): ScoreSummary {
  const { rows, classified, problems, labels, accuracy } = tally;
  return {
    rows,
    resumed,
    classified,
    problems: Object.fromEntries(problems),
    labels: Object.fromEntries(labels),
    accuracy,
    seconds,
  };
}
