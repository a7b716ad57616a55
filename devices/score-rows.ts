// Scores rows through a client: in batches, and one by one where a row spoils its batch.
import { setMaxListeners } from 'node:events';
import type { Problem } from '../schemas/problems.ts';
import type { Client } from './client-types.ts';
import type { Clock } from './clock.ts';
import type { CsvRow } from './csv-layout.ts';
import type { ScoredRow } from './csv-output.ts';

/** Problems that are a row's own: it gets them as its result, and the others go on. */
const ROW_PROBLEMS = [
  'VALUES_MISSING',
  'VALUES_NOT_NUMBERS',
  'VALUES_WRONG_LENGTH',
  'VALUES_OUT_OF_RANGE',
  'MODEL_FAILED',
];
/** Problems of a message, which its rows one by one may not have. */
const MESSAGE_PROBLEMS = ['PAYLOAD_TOO_LARGE', 'BATCH_TOO_LARGE'];
/** Problems that pass: an agent that restarts, a broker that is away. */
const PASSING = ['TIMEOUT', 'NOT_CONNECTED', 'MODEL_UNKNOWN', 'OVERLOADED', 'OUTBOX_FULL'];
/** Bad rows taken out of one batch before its rest is asked one by one. */
const MAX_REMOVALS = 8;
const RETRY_MS = 1000;

/** Nobody answers any more: scoring ends here, and goes on from here in another run. */
export class ScoringStopped extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(`${problem.code}: ${problem.detail}`);
    this.name = 'ScoringStopped';
    this.problem = problem;
  }
}

export interface RowScorerOptions {
  readonly client: Pick<Client, 'classify' | 'classifyBatch'>;
  readonly clock: Clock;
  readonly model: string | undefined;
  readonly timeoutMs: number;
  /** How long passing problems are waited out. */
  readonly patienceMs: number;
  readonly signal: AbortSignal | undefined;
}

type Attempt<Value> = { ok: true; value: Value } | { ok: false; problem: Problem };

export class RowScorer {
  private readonly options: RowScorerOptions;

  constructor(options: RowScorerOptions) {
    this.options = options;
    // Every question under way listens, and there may be many.
    if (options.signal) setMaxListeners(0, options.signal);
  }

  /** @throws {ScoringStopped} */
  async one(row: CsvRow, patienceMs = this.options.patienceMs): Promise<ScoredRow> {
    const local = localProblem(row);
    if (local) return { ok: false, problem: local };
    return this.patiently(patienceMs, async () => {
      const result = await this.options.client.classify(row.values, this.callOptions());
      return result.ok ? { ok: true, prediction: result.prediction } : result;
    });
  }

  /**
   * @param width numbers that the model takes; `null` where no row has told yet
   * @throws {ScoringStopped}
   */
  async many(rows: readonly CsvRow[], width: number | null): Promise<ScoredRow[]> {
    const scored = new Map<CsvRow, ScoredRow>();
    let left: CsvRow[] = [];
    for (const row of rows) {
      const problem = localProblem(row) ?? wrongWidth(row, width);
      if (problem) scored.set(row, { ok: false, problem });
      else left.push(row);
    }
    if (width !== null) {
      for (let removals = 0; removals < MAX_REMOVALS && left.length > 1; removals += 1) {
        const attempt = await this.batch(left, width);
        if (attempt.ok) {
          for (const [index, row] of left.entries()) {
            const prediction = attempt.value[index];
            if (prediction) scored.set(row, prediction);
          }
          left = [];
        } else {
          const bad = attempt.problem.row === undefined ? undefined : left[attempt.problem.row];
          if (bad === undefined) break;
          const { row: _, ...problem } = attempt.problem;
          scored.set(bad, { ok: false, problem });
          left = left.filter((row) => row !== bad);
        }
      }
    }
    await Promise.all(left.map(async (row) => scored.set(row, await this.one(row))));
    return rows.map((row) => scored.get(row) as ScoredRow);
  }

  private batch(rows: readonly CsvRow[], width: number): Promise<Attempt<ScoredRow[]>> {
    const values = new Float32Array(rows.length * width);
    for (const [index, row] of rows.entries()) values.set(row.values, index * width);
    return this.patiently(this.options.patienceMs, async () => {
      const { client } = this.options;
      const result = await client.classifyBatch(values, { ...this.callOptions(), width });
      if (!result.ok) return result;
      return {
        ok: true,
        value: result.predictions.map((prediction) => ({ ok: true, prediction })),
      };
    });
  }

  /** Asks again while problems pass; those that stay and are no row's own end the scoring. */
  private async patiently<Outcome extends { ok: true } | { ok: false; problem: Problem }>(
    patienceMs: number,
    ask: () => Promise<Outcome>,
  ): Promise<Outcome> {
    const { clock, signal } = this.options;
    const untilMs = clock.now() + patienceMs;
    for (;;) {
      const outcome = await ask();
      if (outcome.ok) return outcome;
      const { problem } = outcome;
      if (ROW_PROBLEMS.includes(problem.code) || MESSAGE_PROBLEMS.includes(problem.code)) {
        return outcome;
      }
      const passes = PASSING.includes(problem.code) && clock.now() + RETRY_MS < untilMs;
      if (!passes || signal?.aborted) throw new ScoringStopped(problem);
      await new Promise<void>((resolve) => {
        clock.after(RETRY_MS, resolve);
      });
    }
  }

  private callOptions() {
    const { model, timeoutMs, signal } = this.options;
    return { timeoutMs, ...(model !== undefined && { model }), ...(signal && { signal }) };
  }
}

function localProblem({ values, notNumber }: CsvRow): Problem | null {
  if (values.length === 0) return { code: 'VALUES_MISSING', detail: 'the row has no values' };
  if (notNumber === null) return null;
  const shown = JSON.stringify(notNumber.text.slice(0, 40));
  const detail = `expected a number as value ${notNumber.column}, got ${shown}`;
  return { code: 'VALUES_NOT_NUMBERS', detail };
}

function wrongWidth({ values }: CsvRow, width: number | null): Problem | null {
  if (width === null || values.length === width) return null;
  return { code: 'VALUES_WRONG_LENGTH', detail: `expected ${width} values, got ${values.length}` };
}
