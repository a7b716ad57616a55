// Holds the lane to its promises: short runs, turns of the event loop, and one guilty reading alone.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { Books } from './books.ts';
import { type Classifier, WorkerDiedError } from './classifier.ts';
import type { DecodedReading } from '../schemas/decode-reading.ts';
import type { Admitted, RunEntry, RunWatch } from './admitted.ts';
import { Lane } from './lane.ts';
import { lazyFingerprint } from './repeats.ts';

/** Ends the process that computes it. */
const DEADLY = 0.75;
const CONDEMNED = 'condemned';

let now: number;
let runs: number[][];
let told: string[];
let costMs: number;
let deaths: number;

const classifier: Classifier = {
  model: { name: 'toy', version: '1.0.0', digest: 'sha256:0', runtime: 'onnx' },
  limits: { width: 1, minimum: 0, maximum: 1 },
  labels: ['high', 'low'],
  async classify(values, rows) {
    runs.push([...values]);
    now += rows * costMs;
    if (deaths > 0 && values.includes(DEADLY)) {
      deaths -= 1;
      throw new WorkerDiedError('killed');
    }
    return Float32Array.from([...values].flatMap((value) => [value, 1 - value]));
  },
  close: () => Promise.resolve(),
};

function createLane(watch?: RunWatch, serving = classifier): Lane {
  return new Lane({
    classifier: serving,
    limits: { rows: 100_000, bytes: 1e9 },
    batchRows: 1024,
    books: new Books(0),
    clock: () => now,
    watch,
  });
}

function entry(id: string, values: number[] = [0.25], more: Partial<Admitted> = {}): Admitted {
  const rows = values.length;
  const reading: DecodedReading = {
    id,
    values: Float32Array.from(values),
    rows,
    form: rows === 1 ? 'single' : 'batch',
    encoding: 'json',
    deadlineMs: null,
  };
  return {
    client: 'buoy-7',
    reading,
    fingerprint: lazyFingerprint('buoy-7', classifier.model.digest, reading),
    rows,
    bytes: rows * 4,
    arrivedMs: now,
    expiresMs: null,
    onScores: (scores, firstRow) => told.push(`${id}: ${scores[firstRow * 2]}`),
    onExpired: () => told.push(`${id}: expired`),
    onFailed: (error) => told.push(`${id}: ${(error as Error).message}`),
    ...more,
  };
}

async function offerAll(lane: Lane, entries: readonly Admitted[]): Promise<void> {
  for (const one of entries) lane.offer(one);
  while (told.length < entries.length) await nextTurn();
}

const sizes = () => runs.map((values) => values.length);

beforeEach(() => {
  now = 0;
  runs = [];
  told = [];
  costMs = 0;
  deaths = 0;
});

describe('runs', () => {
  it('of a lone reading begin before the event loop turns', async () => {
    createLane().offer(entry('a'));
    await Promise.resolve();
    expect(sizes()).toEqual([1]);
  });

  it('grow with what waits while they are short, and shrink to the time that they may take', async () => {
    const many = Array.from({ length: 4000 }, (_, index) => entry(`r-${index}`));
    await offerAll(createLane(), many);
    expect(sizes().slice(0, 7)).toEqual([16, 32, 64, 128, 256, 512, 1024]);
    runs = [];
    told = [];
    costMs = 2;
    await offerAll(createLane(), many.slice(0, 50));
    expect(sizes()).toEqual([16, 10, 10, 10, 4]);
  });

  it.each([
    [0.01, [1024, 976]],
    [1, [20, 40, 80]],
  ])(
    'begin with what takes no longer than it may where a row is known to take %d ms',
    async (rowMs, first) => {
      const measured: Classifier = {
        ...classifier,
        inference: { place: 'inline', why: 'measured', rowMs },
      };
      const many = Array.from({ length: 2000 }, (_, index) => entry(`r-${index}`));
      await offerAll(createLane(undefined, measured), many);
      expect(sizes().slice(0, first.length)).toEqual(first);
    },
  );

  it('are not made ever smaller where the way to another process takes the time', async () => {
    const slowWay: Classifier = {
      ...classifier,
      inference: { place: 'process', why: 'as asked' },
      async classify(values, rows) {
        now += 500;
        return classifier.classify(values, rows);
      },
    };
    const many = Array.from({ length: 40 }, (_, index) => entry(`r-${index}`));
    await offerAll(createLane(undefined, slowWay), many);
    expect(sizes()).toEqual([16, 8, 8, 8]);
  });

  it('divide a reading of many rows, and put its scores together in order', async () => {
    costMs = 2;
    const values = Array.from({ length: 64 }, (_, index) => index / 64);
    const scores: number[] = [];
    await offerAll(createLane(), [
      entry('batch', values, {
        onScores: (all) => {
          scores.push(...all.filter((_, index) => index % 2 === 0));
          told.push('batch');
        },
      }),
    ]);
    expect(sizes()).toEqual([16, 10, 10, 10, 10, 8]);
    expect(scores).toEqual(values);
  });

  it('of large readings take their values as they are, the small ones together', async () => {
    const given: Float32Array[] = [];
    const noting: Classifier = {
      ...classifier,
      inference: { place: 'inline', why: 'measured', rowMs: 0.001 },
      classify(values, rows) {
        given.push(values);
        return classifier.classify(values, rows);
      },
    };
    const large = ['b', 'd'].map((id) => entry(id, Array<number>(256).fill(0.5)));
    const [b, d] = large as [Admitted, Admitted];
    await offerAll(createLane(undefined, noting), [entry('a'), b, entry('c'), d]);
    expect(sizes()).toEqual([2, 256, 256]);
    expect(given.slice(1).map((values, index) => values === large[index]?.reading.values)).toEqual([
      true,
      true,
    ]);
    expect(told.sort()).toEqual(['a: 0.25', 'b: 0.5', 'c: 0.25', 'd: 0.5']);
  });

  it('leave the event loop its turns, between readings and within one', async () => {
    costMs = 1;
    const order: string[] = [];
    const noting = entry('b', [0, 0, 0], { onScores: () => order.push('b') });
    const lane = createLane();
    const wide = Array.from({ length: 32 }, () => 0.5);
    lane.offer(entry('a', wide, { onScores: () => order.push('a') }));
    lane.offer(noting);
    setImmediate(() => order.push('turn'));
    while (order.length < 3) await nextTurn();
    expect(order).toEqual(['turn', 'a', 'b']);
    order.length = 0;
    lane.offer(entry('c', wide.slice(0, 16), { onScores: () => order.push('c') }));
    lane.offer(noting);
    setImmediate(() => order.push('turn'));
    while (order.length < 3) await nextTurn();
    expect(order).toEqual(['c', 'turn', 'b']);
  });
});

describe('the time that a row takes', () => {
  it('holds what happens between the runs', async () => {
    costMs = 1;
    const lane = createLane();
    const onScores = () => {
      now += 4;
      told.push('answered');
    };
    await offerAll(
      lane,
      Array.from({ length: 400 }, (_, index) => entry(`r-${index}`, [0.25], { onScores })),
    );
    const last = Array.from({ length: 100 }, (_, index) => entry(`last-${index}`));
    for (const one of last) lane.offer(one);
    const { backlogMs } = lane;
    while (told.length < 500) await nextTurn();
    expect(backlogMs).toBeGreaterThan(450);
    expect(backlogMs).toBeLessThanOrEqual(500);
  });
});

describe('an answer that cannot be given', () => {
  it('is a failure of its reading alone', async () => {
    const broken = entry('b', [0.5], {
      onScores: () => {
        throw new Error('cannot be written');
      },
    });
    await offerAll(createLane(), [entry('a'), broken, entry('c')]);
    expect(told).toEqual(['a: 0.25', 'b: cannot be written', 'c: 0.25']);
  });
});

describe('a deadline', () => {
  it('that passes while the model runs leaves no late prediction', async () => {
    costMs = 5;
    const late = entry('late', [0.25], { expiresMs: 8 });
    await offerAll(createLane(), [late, entry('other', [0.5])]);
    expect(told).toEqual(['late: expired', 'other: 0.5']);
  });
});

describe("a death of the model's process", () => {
  it('fails the guilty reading at its second, when it was alone, and no other', async () => {
    deaths = 9;
    await offerAll(createLane(), [entry('a'), entry('guilty', [DEADLY]), entry('c')]);
    expect(told).toEqual(['a: 0.25', 'guilty: killed', 'c: 0.25']);
    expect(sizes()).toEqual([3, 1, 1, 1]);
  });

  it('that was none of its doing costs a lone reading nothing but time', async () => {
    deaths = 1;
    await offerAll(createLane(), [entry('a', [DEADLY])]);
    expect(told).toEqual(['a: 0.75']);
  });

  it.each([
    ['the first reading', 700, 64],
    ['every further run', 1500, 24],
  ])('by time-out makes %s of a slow model no victim', async (_, rowMs, rows) => {
    const slow: Classifier = {
      ...classifier,
      inference: { place: 'process', why: 'slow' },
      async classify(values, count) {
        costMs = rowMs;
        const scores = await classifier.classify(values, count);
        if (count * rowMs <= 10_000) return scores;
        deaths += 1;
        throw new WorkerDiedError('it took longer than 10 s and was stopped');
      },
    };
    const lane = createLane(undefined, slow);
    const values = Array.from({ length: rows }, () => 0.25);
    await offerAll(lane, [entry('batch', values)]);
    expect(told).toEqual(['batch: 0.25']);
    expect(deaths).toBe(1);
    told = [];
    const lone = Array.from({ length: 8 }, (_, index) => entry(`r-${index}`));
    await offerAll(lane, lone);
    expect(deaths).toBe(1);
  });

  it('fails a lone reading at its second, once', async () => {
    deaths = 9;
    await offerAll(createLane(), [entry('guilty', [DEADLY])]);
    expect(told).toEqual(['guilty: killed']);
    expect(sizes()).toEqual([1, 1]);
  });

  it('leaves a reading expired whose time is over by then', async () => {
    deaths = 9;
    costMs = 5;
    const late = entry('late', [0.25], { expiresMs: 8 });
    await offerAll(createLane(), [entry('guilty', [DEADLY]), late]);
    expect(told).toEqual(['guilty: killed', 'late: expired']);
  });
});

describe('several workers', () => {
  interface Run {
    readonly values: readonly number[];
    readonly done: () => void;
    readonly die: () => void;
  }
  let underWay: Run[];
  const pool: Classifier = {
    ...classifier,
    inference: { place: 'process', why: 'as asked', rowMs: 0.5 },
    workers: 2,
    classify: (values) =>
      new Promise((resolve, reject) => {
        const end = (settle: () => void) => () => {
          underWay.splice(underWay.indexOf(run), 1);
          settle();
        };
        const run: Run = {
          values: [...values],
          done: end(() => resolve(Float32Array.from([...values].flatMap((one) => [one, 1 - one])))),
          die: end(() => reject(new WorkerDiedError('killed'))),
        };
        underWay.push(run);
      }),
  };
  const rowsUnderWay = () => underWay.map(({ values }) => values.length);
  const first = () => underWay[0] as Run;
  const entries = (count: number) =>
    Array.from({ length: count }, (_, index) => entry(`r-${index}`, [index / 1024]));

  beforeEach(() => {
    underWay = [];
  });

  it('share what waits, and each takes the next run when it is free', async () => {
    const lane = createLane(undefined, pool);
    for (const one of entries(21)) lane.offer(one);
    await nextTurn();
    expect(rowsUnderWay()).toEqual([11, 10]);
    for (const one of entries(150)) lane.offer(one);
    await nextTurn();
    expect(rowsUnderWay()).toEqual([11, 10]);
    first().done();
    await nextTurn();
    expect(told).toHaveLength(11);
    expect(rowsUnderWay()).toEqual([10, 100]);
    first().done();
    await nextTurn();
    expect(rowsUnderWay()).toEqual([100, 50]);
    while (underWay.length > 0) first().done();
    await nextTurn();
    expect(new Set(told).size).toBe(told.length - 21);
    expect(told).toHaveLength(171);
  });

  it('take a lone reading while another runs', async () => {
    const lane = createLane(undefined, pool);
    lane.offer(entry('a'));
    await nextTurn();
    lane.offer(entry('b', [0.5]));
    await nextTurn();
    expect(rowsUnderWay()).toEqual([1, 1]);
    underWay[1]?.done();
    await nextTurn();
    expect(told).toEqual(['b: 0.5']);
  });

  it('die alone: the run of the other is not touched, and the guilty one is found', async () => {
    const lane = createLane(undefined, pool);
    const all = [entry('a'), entry('guilty', [DEADLY]), entry('c', [0.5]), entry('d', [0.5])];
    for (const one of all) lane.offer(one);
    await nextTurn();
    expect(rowsUnderWay()).toEqual([2, 2]);
    while (underWay.length > 0) {
      const guilty = underWay.find(({ values }) => values.includes(DEADLY));
      if (guilty) guilty.die();
      else first().done();
      await nextTurn();
    }
    expect(told.sort()).toEqual(['a: 0.25', 'c: 0.5', 'd: 0.5', 'guilty: killed']);
  });

  it('try what may be guilty of deaths one at a time, and the others beside it', async () => {
    const lane = createLane(undefined, pool);
    for (const id of ['a', 'b', 'c', 'd']) lane.offer(entry(id));
    await nextTurn();
    expect(rowsUnderWay()).toEqual([2, 2]);
    first().die();
    first().die();
    const order: number[][] = [];
    await nextTurn();
    lane.offer(entry('e', [0.5]));
    while (underWay.length > 0) {
      order.push(rowsUnderWay());
      first().done();
      await nextTurn();
    }
    expect(order).toEqual([[1], [1], [1], [1, 1], [1]]);
    expect(told.sort()).toEqual(['a: 0.25', 'b: 0.25', 'c: 0.25', 'd: 0.25', 'e: 0.5']);
  });

  it('compute a large reading together, unless somebody waits', async () => {
    const lane = createLane(undefined, pool);
    const values = Array.from({ length: 400 }, (_, index) => index / 1024);
    const scores: number[] = [];
    const onScores = (all: Float32Array) => {
      scores.push(...all.filter((_, index) => index % 2 === 0));
      told.push('batch');
    };
    lane.offer(entry('batch', values, { onScores }));
    await nextTurn();
    expect(rowsUnderWay()).toEqual([100, 100]);
    lane.offer(entry('lone'));
    underWay[1]?.done();
    await nextTurn();
    expect(rowsUnderWay()).toEqual([100, 1]);
    while (underWay.length > 0) {
      first().done();
      await nextTurn();
    }
    expect(told).toEqual(['lone: 0.25', 'batch']);
    expect(scores).toEqual(values);
  });

  it.each([0, 1])(
    'that die at part %i of a large reading leave none of it under way',
    async (at) => {
      const lane = createLane(undefined, pool);
      lane.offer(entry('batch', Array<number>(300).fill(0.25)));
      await nextTurn();
      underWay[at]?.die();
      await nextTurn();
      // The other part ends first; then the reading is tried once more, row by row.
      expect(rowsUnderWay()).toEqual([100]);
      first().done();
      await nextTurn();
      expect(rowsUnderWay()).toEqual([1, 1]);
      while (underWay.length > 0) {
        first().done();
        await nextTurn();
      }
      expect(told).toEqual(['batch: 0.25']);
    },
  );
});

describe('readings under suspicion', () => {
  const noted: string[] = [];
  const watch: RunWatch = {
    standing: ({ reading }) =>
      reading.id === CONDEMNED ? 'condemned' : reading.id.startsWith('s') ? 'suspect' : 'free',
    refuse: ({ reading }) => noted.push(`refuse ${reading.id}`),
    close: () => {},
    begin: (entries) => noted.push(`begin ${ids(entries)}`),
    end: (entries) => noted.push(`end ${ids(entries)}`),
  };
  const ids = (entries: readonly RunEntry[]) => entries.map(({ reading }) => reading.id).join(' ');

  it('are run alone, and noted so; a condemned one is not run', async () => {
    noted.length = 0;
    await offerAll(
      createLane(watch),
      [CONDEMNED, 'a', 's-1', 'b', 's-2'].map((id) =>
        entry(id, Array<number>(id === CONDEMNED ? 300 : 1).fill(0.25)),
      ),
    );
    expect(noted).toEqual([
      'refuse condemned',
      ...['a b', 's-1', 's-2'].flatMap((who) => [`begin ${who}`, `end ${who}`]),
    ]);
    expect(told.sort()).toEqual([
      'a: 0.25',
      'b: 0.25',
      'condemned: this reading has ended the agent twice and is not tried again',
      's-1: 0.25',
      's-2: 0.25',
    ]);
  });

  it('of many rows are noted once, however many runs they take', async () => {
    noted.length = 0;
    await offerAll(createLane(watch), [entry('a', Array<number>(100).fill(0.25))]);
    expect(runs.length).toBeGreaterThan(1);
    expect(noted).toEqual(['begin a', 'end a']);
  });

  it('are no longer in a run that failed', async () => {
    noted.length = 0;
    deaths = 9;
    await offerAll(createLane(watch), [entry('a', [DEADLY])]);
    expect(noted).toEqual(['begin a', 'end a', 'begin a', 'end a']);
  });
});
