import { readFile, truncate, writeFile } from 'node:fs/promises';
import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Problem } from '../schemas/problems.ts';
import type { Client } from './client-types.ts';
import { MODEL } from './fake-bus.fixture.ts';
import type { RowPrediction } from './read-answer.ts';
import { type ScoreCsvOptions, scoreCsv } from './score-csv.ts';

/** Serves a model of two inputs in 0..1: `metal` where the first is the larger. */
class FakeClient implements Pick<Client, 'classify' | 'classifyBatch'> {
  messages = 0;
  rows = 0;
  /** What the next messages get instead of an answer. */
  failures: Problem[] = [];

  async classify(values: ArrayLike<number>) {
    const failure = this.take(1);
    const row = this.row(values);
    if (failure) return failure;
    if (!row.ok) return row;
    return { ok: true as const, prediction: { id: 'x', ...row.value, model: MODEL, agent: 'a' } };
  }

  async classifyBatch(values: readonly ArrayLike<number>[] | Float32Array, { width = 0 } = {}) {
    const failure = this.take(values.length / width);
    if (failure) return failure;
    const predictions: RowPrediction[] = [];
    for (let row = 0; row < values.length / width; row += 1) {
      const one = this.row((values as Float32Array).subarray(row * width, (row + 1) * width));
      if (!one.ok) return { ok: false as const, problem: { ...one.problem, row } };
      predictions.push(one.value);
    }
    return { ok: true as const, id: 'x', predictions, model: MODEL, agent: 'a' };
  }

  private take(rows: number) {
    this.messages += 1;
    this.rows += rows;
    const problem = this.failures.shift();
    return problem && { ok: false as const, problem };
  }

  private row(values: ArrayLike<number>) {
    const bad = (code: Problem['code'], detail: string) => ({
      ok: false as const,
      problem: { code, detail },
    });
    if (values.length !== 2)
      return bad('VALUES_WRONG_LENGTH', `expected 2 values, got ${values.length}`);
    const [a, b] = Array.from(values) as [number, number];
    if (a > 1 || b > 1) return bad('VALUES_OUT_OF_RANGE', 'expected 0 to 1');
    const score = a > b ? 0.75 : 0.25;
    const scores = { metal: score, rock: 1 - score };
    return { ok: true as const, value: { label: a > b ? 'metal' : 'rock', score: 0.75, scores } };
  }
}

let folder: string;
let client: FakeClient;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'echolot-score-'));
  client = new FakeClient();
});

const paths = () => ({ input: join(folder, 'in.csv'), output: join(folder, 'out.csv') });

async function score(text: string, options: Partial<ScoreCsvOptions> = {}) {
  const { input, output } = paths();
  await writeFile(input, text);
  const summary = await scoreCsv({ input, output, client, patienceMs: 0, ...options });
  return { summary, lines: (await readFile(output, 'utf8')).split('\n') };
}

describe('scoreCsv', () => {
  it('writes id, known label, prediction and scores, and sums up', async () => {
    const text =
      '\uFEFFid,a,b,label\r\n"r,1",0.5,0.1,metal\r\nr2,"0.1",0.5,metal\r\nr3,0.2,0.3,rock\r\n';
    const { summary, lines } = await score(text);
    expect(lines).toEqual([
      'id,expected,label,score,score_metal,score_rock,problem,detail',
      '"r,1",metal,metal,0.75,0.75,0.25,,',
      'r2,metal,rock,0.75,0.25,0.75,,',
      'r3,rock,rock,0.75,0.25,0.75,,',
      '',
    ]);
    expect(summary).toMatchObject({
      rows: 3,
      resumed: 0,
      classified: 3,
      problems: {},
      labels: { metal: 1, rock: 2 },
      accuracy: 2 / 3,
    });
  });

  it('numbers the rows of a file without ids', async () => {
    const { summary, lines } = await score('0.5,0.1\n0.1,0.5\n');
    expect(lines.slice(0, 3)).toEqual([
      'row,label,score,score_metal,score_rock,problem,detail',
      '1,metal,0.75,0.75,0.25,,',
      '2,rock,0.75,0.25,0.75,,',
    ]);
    expect(summary.accuracy).toBeNull();
  });

  it('gives bad rows their problem, in place, and goes on', async () => {
    const rows = ['a,0.5,0.1', 'b,oops,0.1', 'c,0.1', 'd,7,0.1', 'e,0.1,0.5', 'f,1e999,0', 'g'];
    const { summary, lines } = await score(`id,a,b\n${rows.join('\n')}\n`);
    expect(lines.slice(1)).toEqual([
      'a,metal,0.75,0.75,0.25,,',
      'b,,,,,VALUES_NOT_NUMBERS,"expected a number as value 0, got ""oops"""',
      'c,,,,,VALUES_WRONG_LENGTH,"expected 2 values, got 1"',
      'd,,,,,VALUES_OUT_OF_RANGE,expected 0 to 1',
      'e,rock,0.75,0.25,0.75,,',
      'f,,,,,VALUES_OUT_OF_RANGE,expected 0 to 1',
      'g,,,,,VALUES_MISSING,the row has no values',
      '',
    ]);
    expect(summary).toMatchObject({
      rows: 7,
      classified: 2,
      problems: {
        VALUES_NOT_NUMBERS: 1,
        VALUES_WRONG_LENGTH: 1,
        VALUES_OUT_OF_RANGE: 2,
        VALUES_MISSING: 1,
      },
    });
  });

  it('finds good rows behind many bad ones, in few messages', async () => {
    const rows = Array.from({ length: 1000 }, (_, at) => (at % 2 ? '0.5,0.1' : '2,0.1'));
    const { summary } = await score(`a,b\n${rows.join('\n')}\n`);
    expect(summary).toMatchObject({ classified: 500, problems: { VALUES_OUT_OF_RANGE: 500 } });
    expect(client.messages).toBeLessThan(1100);
  });

  it('sends good rows in batches and writes them in order', async () => {
    const { summary, lines } = await score(`a,b\n${'0.5,0.1\n'.repeat(20_000)}`);
    expect(summary.classified).toBe(20_000);
    expect(client.messages).toBe(1 + 20);
    const numbers = lines.slice(1, -1).map((line) => Number(line.split(',')[0]));
    expect(numbers).toEqual(Array.from({ length: 20_000 }, (_, at) => at + 1));
  });

  it('gives every row its problem where the model takes none', async () => {
    const { summary, lines } = await score('2,0\n3,0\n');
    expect(lines[0]).toBe('row,label,score,problem,detail');
    expect(summary).toMatchObject({ rows: 2, classified: 0, problems: { VALUES_OUT_OF_RANGE: 2 } });
  });

  it('refuses a header whose columns do not fit the model', async () => {
    const run = score('id,a,b,c\nr1,0.1,0.2,0.3\n');
    await expect(run).rejects.toMatchObject({
      code: 'COLUMNS_UNFIT',
      message: expect.stringMatching(/has 3 columns of values: expected 2 values, got 3/),
    });
  });

  it('tells its progress', async () => {
    const seen: number[] = [];
    await score(`a,b\n${'0.5,0.1\n'.repeat(2048)}`, { onProgress: ({ rows }) => seen.push(rows) });
    expect(seen).toEqual([1024, 2048]);
  });

  it.each<[string, string, string]>([
    ['an empty file', '', 'INPUT_MALFORMED'],
    ['an unclosed quote', 'a,b\n0.1,"0.2\n', 'INPUT_MALFORMED'],
  ])('refuses %s', async (_, text, code) => {
    await expect(score(text)).rejects.toMatchObject({ code, remedy: expect.stringMatching(/./) });
  });

  it('names an input that is not there and an output that cannot be written', async () => {
    const { input, output } = paths();
    await expect(scoreCsv({ input, output, client })).rejects.toMatchObject({
      code: 'INPUT_UNREADABLE',
    });
    const nowhere = join(folder, 'no', 'out.csv');
    await expect(score('a,b\n', { output: nowhere })).rejects.toMatchObject({
      code: 'OUTPUT_UNWRITABLE',
    });
  });
});

describe('a scoring that stopped', () => {
  const TEXT = `id,a,b,label\n${Array.from({ length: 3000 }, (_, at) => `r${at},0.5,0.1,${at % 3 ? 'metal' : 'rock'}`).join('\n')}\n`;

  it('says how far it came, and goes on from there without asking again', async () => {
    const away: Problem = { code: 'NOT_CONNECTED', detail: 'no connection' };
    const { output } = paths();
    // The probe and two batches succeed; the third finds nobody.
    const answers = client.classifyBatch.bind(client);
    let batches = 0;
    client.classifyBatch = async (...args) => {
      batches += 1;
      return batches > 2 ? { ok: false, problem: away } : answers(...args);
    };
    await expect(score(TEXT)).rejects.toMatchObject({
      code: 'STOPPED',
      problem: away,
      message: expect.stringContaining('after 2048 rows: NOT_CONNECTED'),
    });
    expect((await readFile(output, 'utf8')).split('\n')).toHaveLength(2048 + 2);

    client.classifyBatch = answers;
    client.rows = 0;
    const { summary, lines } = await score(TEXT);
    expect(client.rows).toBe(1 + 952);
    expect(summary).toMatchObject({ rows: 3000, resumed: 2048, classified: 3000, accuracy: 2 / 3 });
    expect(lines.map((line) => line.split(',')[0])).toEqual([
      'id',
      ...Array.from({ length: 3000 }, (_, at) => `r${at}`),
      '',
    ]);
  });

  it('gives the same file wherever the last line was torn', async () => {
    const text = 'id,a,b\n"x,""1",0.5,0.1\nr2,oops,0\nr3,0.1,0.5\n';
    const { lines } = await score(text);
    const whole = lines.join('\n');
    for (let length = 0; length <= whole.length; length += 3) {
      await writeFile(paths().output, whole);
      await truncate(paths().output, length);
      const again = await score(text);
      expect(again.lines.join('\n')).toBe(whole);
      expect(again.summary).toMatchObject({ rows: 3, classified: 2 });
    }
  });

  it('is not one where the problem passes', async () => {
    const answers = client.classifyBatch.bind(client);
    const codes: Problem['code'][] = ['NOT_CONNECTED', 'MODEL_UNKNOWN', 'TIMEOUT', 'OVERLOADED'];
    client.classifyBatch = async (...args) => {
      const code = codes.shift();
      return code ? { ok: false, problem: { code, detail: '' } } : answers(...args);
    };
    const options = { patienceMs: 60_000, clock: instantClock() };
    const { summary } = await score('a,b\n0.5,0.1\n0.1,0.5\n', options);
    expect(codes).toEqual([]);
    expect(summary.classified).toBe(2);
  });

  it('comes at once where nobody serves the model at the start', async () => {
    client.failures = [{ code: 'MODEL_UNKNOWN', detail: 'no live agent' }];
    const options = { patienceMs: 60_000, clock: instantClock() };
    await expect(score('a,b\n0.5,0.1\n', options)).rejects.toMatchObject({ code: 'NOBODY_THERE' });
    expect(existsSync(paths().output)).toBe(false);
    client.failures = [{ code: 'MODEL_UNKNOWN', detail: 'no live agent' }];
    const behindBad = score('a,b\noops,0\n0.5,0.1\n', options);
    await expect(behindBad).rejects.toMatchObject({ code: 'NOBODY_THERE' });
  });

  it('asks the rows of a message that is too large one by one', async () => {
    const problem: Problem = { code: 'PAYLOAD_TOO_LARGE', detail: '' };
    client.classifyBatch = async () => ({ ok: false, problem });
    expect((await score('a,b\n0.5,0.1\n0.1,0.5\n')).summary.classified).toBe(2);
  });

  it.each([
    ['another header', 'id,label\nr1,rock\n'],
    [
      'other ids',
      'id,label,score,score_metal,score_rock,problem,detail\nr9,metal,0.75,0.75,0.25,,\n',
    ],
    [
      'more rows',
      `id,label,score,score_metal,score_rock,problem,detail\n${'r1,metal,0.75,0.75,0.25,,\n'.repeat(2)}`,
    ],
    ['the input', 'id,a,b\nr1,0.5,0.1\n'],
    ['a file without a newline', 'precious'],
  ])('leaves a file alone that is not its beginning: %s', async (_, there) => {
    const { output } = paths();
    await writeFile(output, there);
    await expect(score('id,a,b\nr1,0.5,0.1\n')).rejects.toMatchObject({ code: 'OUTPUT_FOREIGN' });
    expect(await readFile(output, 'utf8')).toBe(there);
  });
});

/** Delays pass at once. */
function instantClock() {
  let now = 0;
  return {
    now: () => now,
    random: () => 0,
    after(delayMs: number, run: () => void) {
      now += delayMs;
      setImmediate(run);
      return () => {};
    },
  };
}
