// The predictor: every delivery is answered once, counted once and settled once.
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Incoming, PublishOutcome, Qos } from '../bus/types.ts';
import { encodeCbor } from '../schemas/cbor.ts';
import { decodeReading } from '../schemas/decode-reading.ts';
import { decodeAnswer } from '../schemas/encode.ts';
import { Books } from './books.ts';
import type { Classifier } from './classifier.ts';
import { Lane } from './lane.ts';
import { Predictor } from './predictor.ts';
import { Repeats } from './repeats.ts';
import { type Route, Routes } from './routes.ts';

const MODEL = {
  name: 'toy',
  version: '1.0.0',
  digest: `sha256:${'0'.repeat(64)}`,
  runtime: 'onnx',
} as const;

interface Published {
  topic: string;
  payload: Buffer;
  qos: Qos;
  correlationData?: Buffer;
}

/** Scores a row by its first value; a row that begins with 0.666 fails the whole run. */
function toyClassifier(runs: number[]): Classifier {
  return {
    model: MODEL,
    limits: { width: 2, minimum: 0, maximum: 1 },
    labels: ['high', 'low'],
    classify(values, rows) {
      runs.push(rows);
      const scores = new Float32Array(rows * 2);
      for (let row = 0; row < rows; row += 1) {
        const first = values[row * 2] as number;
        if (first === Math.fround(0.666)) return Promise.reject(new Error('poison'));
        scores[row * 2] = first;
        scores[row * 2 + 1] = 1 - first;
      }
      return Promise.resolve(scores);
    },
    close: () => Promise.resolve(),
  };
}

let published: Published[];
let settled: number;
let told: unknown[][];
let outcome: PublishOutcome;
/** What becomes of one answer, where it is not `outcome` at once. */
let settleAnswer: (answer: Published, done: (outcome: PublishOutcome) => void) => void;
let now: number;
let runs: number[];
let books: Books;
let predictor: Predictor;
let route: Route;
let repeats: Repeats;

function build(rows = 100, bytes = 1_000_000, digest: string = MODEL.digest): void {
  books = new Books(0);
  const lane = new Lane({
    classifier: { ...toyClassifier(runs), model: { ...MODEL, digest } },
    limits: { rows, bytes },
    batchRows: 16,
    books,
    clock: () => now,
  });
  const found = new Routes('edge-1', 'echolot', new Map([['toy', lane]])).find(
    'echolot/v1/readings/buoy-7/toy',
  );
  if (!found) throw new Error('no route');
  route = found;
  predictor = new Predictor({
    agent: 'edge-1',
    maxPayloadBytes: 10_000,
    books,
    repeats,
    publish: (topic, payload, options, done) => {
      const answer = { topic, payload, ...options };
      published.push(answer);
      settleAnswer(answer, done);
    },
    onProblem: () => {},
    onSettled: ({ client, id, rows }, column, reply, durationMs) => {
      told.push([client, id, rows, column, reply.ok, durationMs]);
    },
    clock: () => now,
    wallClock: () => 1_000_000 + now,
  });
}

beforeEach(() => {
  published = [];
  settled = 0;
  told = [];
  outcome = { ok: true };
  settleAnswer = (_, done) => done(outcome);
  repeats = new Repeats();
  now = 0;
  runs = [];
  build();
});

function message(payload: Buffer, more: Partial<Incoming> = {}): Incoming {
  return {
    topic: 'echolot/v1/readings/buoy-7/toy',
    payload,
    qos: 1,
    retain: false,
    dup: false,
    responseTopic: undefined,
    correlationData: undefined,
    expirySeconds: undefined,
    settle: () => {
      settled += 1;
    },
    ...more,
  };
}

const reading = (id: string, values: unknown, more: object = {}) =>
  Buffer.from(JSON.stringify({ id, values, ...more }));
const accept = (payload: Buffer, more?: Partial<Incoming>) =>
  predictor.accept(message(payload, more), route);
const answers = () => published.map(({ payload }) => decodeAnswer(payload));

describe('a reading', () => {
  it('is answered on the reply topic of its own client, as asked', async () => {
    accept(reading('r-1', [0.75, 0]), { qos: 0, correlationData: Buffer.from('c') });
    await predictor.drained();
    expect(published).toHaveLength(1);
    expect(published[0]).toMatchObject({
      topic: 'echolot/v1/replies/buoy-7/toy',
      qos: 0,
      correlationData: Buffer.from('c'),
    });
    expect(answers()[0]).toEqual({
      id: 'r-1',
      label: 'high',
      score: 0.75,
      scores: { high: 0.75, low: 0.25 },
      model: MODEL,
      agent: 'edge-1',
    });
    expect(settled).toBe(1);
    expect(books.sample(1)).toMatchObject({ received: 1, answered: 1, inHand: 0 });
  });

  it('is told once it has left our hands, with what became of it and how long that took', async () => {
    let finish = () => {};
    settleAnswer = (_, done) => {
      finish = () => done(outcome);
    };
    const tell = async (payload: Buffer) => {
      accept(payload);
      await new Promise(setImmediate);
      expect(told).toEqual([]);
      now += 7;
      finish();
      return told.splice(0);
    };
    expect(
      await tell(
        reading('r-1', [
          [0.75, 0],
          [0, 0],
        ]),
      ),
    ).toEqual([['buoy-7', 'r-1', 2, 'answered', true, 7]]);
    expect(
      await tell(
        reading('r-1', [
          [0.75, 0],
          [0, 0],
        ]),
      ),
    ).toEqual([['buoy-7', 'r-1', 2, 'repeated', true, 7]]);
    outcome = { ok: false, reason: 'lost', detail: 'gone' };
    expect(await tell(reading('r-2', ['x', 0]))).toEqual([
      ['buoy-7', 'r-2', 1, 'rejected', false, 7],
    ]);
  });

  it('shares a run with what came at the same time, and each gets its own scores', async () => {
    for (let index = 0; index < 20; index += 1) accept(reading(`r-${index}`, [index / 20, 0]));
    await predictor.drained();
    expect(runs).toEqual([16, 4]);
    const got = answers().map((answer) => answer && 'scores' in answer && answer.scores);
    expect(got).toEqual(
      Array.from({ length: 20 }, (_, index) => ({
        high: Math.round(Math.fround(index / 20) * 1e7) / 1e7,
        low: Math.round(Math.fround(1 - Math.fround(index / 20)) * 1e7) / 1e7,
      })),
    );
  });

  it('may be a batch or a typed array, answered in the same form and counted by rows', async () => {
    accept(
      reading('b', [
        [0.25, 0],
        [1, 0],
      ]),
    );
    accept(encodeCbor({ id: 't', values: Float32Array.of(0.5, 0, 0.25, 0, 0, 0) }));
    await predictor.drained();
    const [batch, typed] = answers();
    expect(batch).toMatchObject({
      id: 'b',
      predictions: [
        { label: 'low', score: 0.75 },
        { label: 'high', score: 1 },
      ],
    });
    expect(typed).toMatchObject({
      id: 't',
      labels: ['high', 'low'],
      scores: Float32Array.of(0.5, 0.5, 0.25, 0.75, 0, 1),
    });
    expect(books.sample(1)).toMatchObject({ received: 5, answered: 5 });
  });
});

describe('a problem', () => {
  const code = () =>
    answers().map((answer) => (answer && 'problem' in answer ? answer.problem.code : 'none'));

  it('is told for what cannot be read, in the encoding of the question', () => {
    accept(Buffer.alloc(0));
    accept(reading('r', [1]));
    accept(encodeCbor({ id: 'c', values: 'x' }));
    expect(code()).toEqual(['PAYLOAD_EMPTY', 'VALUES_WRONG_LENGTH', 'VALUES_NOT_NUMBERS']);
    expect(published[2]?.payload[0] ?? 0).toBeGreaterThanOrEqual(0xa0);
    expect(books.sample(1)).toMatchObject({ received: 3, rejected: 3, inHand: 0 });
    expect(settled).toBe(3);
  });

  it('is told for a retained reading and a foreign response topic, and goes to the own reply topic', () => {
    accept(reading('r', [0, 0]), { retain: true });
    accept(reading('r', [0, 0]), { responseTopic: 'echolot/v1/replies/victim/toy' });
    accept(reading('r', [0, 0]), { responseTopic: 'echolot/v1/replies/+/toy' });
    expect(code()).toEqual([
      'RETAINED_REFUSED',
      'RESPONSE_TOPIC_REFUSED',
      'RESPONSE_TOPIC_REFUSED',
    ]);
    expect(new Set(published.map(({ topic }) => topic))).toEqual(
      new Set(['echolot/v1/replies/buoy-7/toy']),
    );
    expect(runs).toEqual([]);
  });

  it('is not made of the own reply topic as response topic', async () => {
    accept(reading('r', [0, 0]), { responseTopic: 'echolot/v1/replies/buoy-7/toy' });
    await predictor.drained();
    expect(code()).toEqual(['none']);
  });

  it('is told for what is past its deadline or expiry, without the model', async () => {
    accept(reading('late', [0, 0], { deadline: new Date(1_000_000 - 1).toISOString() }));
    accept(reading('expired', [0, 0]), { expirySeconds: 0 });
    accept(reading('soon', [0, 0], { deadline: new Date(1_000_005).toISOString() }));
    now = 10;
    await predictor.drained();
    expect(code()).toEqual(['DEADLINE_PASSED', 'DEADLINE_PASSED', 'DEADLINE_PASSED']);
    expect(runs).toEqual([]);
    expect(books.sample(1)).toMatchObject({ received: 3, expired: 3, inHand: 0 });
  });

  it('is told at once where there is no room, with a time to come again', async () => {
    build(4);
    for (const id of ['a', 'b', 'c']) accept(reading(id, [0, 0]));
    expect(answers()).toMatchObject([
      { id: 'c', problem: { code: 'OVERLOADED', retryAfterMs: 100 } },
    ]);
    await predictor.drained();
    expect(books.sample(1)).toMatchObject({ received: 3, answered: 2, shed: 1, inHand: 0 });
  });

  it('of one reading does not spoil the others of its run', async () => {
    for (const [id, first] of [
      ['a', 0.5],
      ['bad', 0.666],
      ['c', 1],
    ] as const)
      accept(reading(id, [first, 0]));
    await predictor.drained();
    expect(
      Object.fromEntries(answers().map((answer, index) => [answer?.id, code()[index]])),
    ).toEqual({
      a: 'none',
      bad: 'MODEL_FAILED',
      c: 'none',
    });
    expect(books.sample(1)).toMatchObject({ answered: 2, rejected: 1, inHand: 0 });
  });
});

describe('an answer', () => {
  it('that cannot be remembered is given all the same, once', async () => {
    repeats = new Repeats(undefined, undefined, () => {
      throw new RangeError('Array buffer allocation failed');
    });
    build();
    for (const id of ['a', 'b']) accept(reading(id, [0, 0]));
    await predictor.drained();
    expect(answers()).toMatchObject([{ label: 'low' }, { label: 'low' }]);
    expect(settled).toBe(2);
    expect(books.sample(1)).toMatchObject({ received: 2, answered: 2, rejected: 0, inHand: 0 });
  });

  it('that the broker refuses is counted, and its reading acknowledged', async () => {
    outcome = { ok: false, reason: 'refused', detail: '135' };
    accept(reading('a', [0, 0]));
    await predictor.drained();
    expect(books.sample(1)).toMatchObject({ answered: 1, repliesRefused: 1, inHand: 0 });
    expect(settled).toBe(1);
  });

  it.each(['lost', 'not-connected'] as const)(
    'that is %s leaves its reading unacknowledged, so that it comes again, and nothing in hand',
    async (reason) => {
      outcome = { ok: false, reason, detail: 'gone' };
      accept(reading('a', [0, 0]));
      accept(reading('bad', [0]));
      await predictor.drained();
      expect(books.sample(1)).toMatchObject({
        received: 2,
        answered: 1,
        rejected: 1,
        repliesLost: 2,
        repliesRefused: 0,
        inHand: 0,
      });
      expect(settled).toBe(0);
    },
  );

  it('that is too large for the broker gives way to a problem that says so', async () => {
    const detail = '9000 bytes, at most 1000 are allowed';
    settleAnswer = ({ payload }, done) =>
      done(payload.includes('problem') ? { ok: true } : { ok: false, reason: 'too-large', detail });
    accept(
      reading('big', [
        [0, 0],
        [1, 1],
      ]),
    );
    await predictor.drained();
    expect(answers().at(-1)).toMatchObject({
      id: 'big',
      problem: {
        code: 'PAYLOAD_TOO_LARGE',
        detail: `the answer would take ${detail}: send smaller batches`,
      },
    });
    expect(settled).toBe(1);
    expect(books.sample(1)).toMatchObject({ received: 2, rejected: 2, repliesRefused: 0 });
  });

  it('that cannot be told even as a problem is counted once, and its reading acknowledged', async () => {
    outcome = { ok: false, reason: 'too-large', detail: 'at most 10 bytes' };
    accept(reading('a', [0, 0]));
    await predictor.drained();
    expect(published).toHaveLength(2);
    expect(settled).toBe(1);
    expect(books.sample(1)).toMatchObject({ rejected: 1, repliesRefused: 1, inHand: 0 });
  });

  it('cannot be given where the topic names no client, which is counted', () => {
    predictor.acceptUnanswerable(message(reading('a', [0, 0])));
    expect(published).toEqual([]);
    expect(settled).toBe(1);
    expect(books.sample(1)).toMatchObject({ received: 1, rejected: 1, unanswerable: 1, inHand: 0 });
  });
});

describe('a repeat', () => {
  const twice = async (payload: Buffer, more?: Partial<Incoming>, again = payload) => {
    accept(payload, more);
    await predictor.drained();
    accept(again, more);
    await predictor.drained();
  };

  it('is answered with the same bytes, without the model, in a column of its own', async () => {
    await twice(reading('r-1', [0.75, 0]), { correlationData: Buffer.from('c') });
    expect(runs).toEqual([1]);
    expect(published).toHaveLength(2);
    expect(published[1]).toEqual(published[0]);
    expect(settled).toBe(2);
    expect(books.sample(1)).toMatchObject({ received: 2, answered: 1, repeated: 1, inHand: 0 });
  });

  it('is one by its values, however they are written', async () => {
    const again = Buffer.from('{"values":[7.5e-1, 0.0], "id":"r-1", "note":"again"}');
    await twice(reading('r-1', [0.75, 0]), {}, again);
    expect(runs).toEqual([1]);
  });

  it('of a batch counts its rows', async () => {
    await twice(
      reading('b', [
        [0, 0],
        [1, 1],
      ]),
    );
    expect(books.sample(1)).toMatchObject({ received: 4, answered: 2, repeated: 2 });
  });

  it('is none with other values, in another encoding, or at QoS 0', async () => {
    await twice(reading('r-1', [0.75, 0]), {}, reading('r-1', [0.5, 0]));
    await twice(reading('r-2', [0.75, 0]), {}, encodeCbor({ id: 'r-2', values: [0.75, 0] }));
    await twice(reading('r-3', [0.75, 0]), { qos: 0 });
    expect(runs).toHaveLength(6);
    expect(books.sample(1)).toMatchObject({ answered: 6, repeated: 0 });
  });

  it('is never answered from what another model said', async () => {
    await twice(reading('r-1', [0.75, 0]));
    build(100, 1_000_000, `sha256:${'1'.repeat(64)}`);
    accept(reading('r-1', [0.75, 0]));
    await predictor.drained();
    expect(runs).toEqual([1, 1]);
  });

  it('of what was lost on the way is answered from memory', async () => {
    outcome = { ok: false, reason: 'lost', detail: 'gone' };
    accept(reading('r-1', [0.75, 0]));
    await predictor.drained();
    outcome = { ok: true };
    accept(reading('r-1', [0.75, 0]), { dup: true });
    expect(settled).toBe(1);
    expect(published[1]?.payload).toEqual(published[0]?.payload);
    expect(books.sample(1)).toMatchObject({ answered: 1, repeated: 1, repliesLost: 1 });
  });

  it('of what was shed, late or failed is tried again', async () => {
    build(4);
    for (const id of ['a', 'b', 'c']) accept(reading(id, [0, 0]));
    await predictor.drained();
    accept(reading('c', [0, 0]));
    await predictor.drained();
    const late = reading('late', [0, 0], { deadline: new Date(1_000_000 - 1).toISOString() });
    await twice(late, {}, reading('late', [0, 0]));
    await twice(reading('bad', [0.666, 0]));
    expect(books.sample(1)).toMatchObject({
      answered: 4,
      shed: 1,
      expired: 1,
      rejected: 2,
      repeated: 0,
    });
  });
});

/** How many readings a payload counts for. */
function rowsOf(payload: Buffer): number {
  const decoded = decodeReading(payload, { width: 2, minimum: 0, maximum: 1 }, 10_000);
  return decoded.ok ? decoded.value.rows : 1;
}

describe('the books', () => {
  it('balance at every sample, whatever comes and whatever becomes of the answers', async () => {
    const payload = fc.oneof(
      fc.uint8Array({ maxLength: 80 }).map((bytes) => Buffer.from(bytes)),
      fc
        .tuple(fc.string(), fc.array(fc.double({ min: -0.5, max: 1.5 }), { maxLength: 3 }))
        .map(([id, values]) => reading(id, values)),
      fc
        .array(fc.constantFrom([0, 0], [0.666, 0], [1, 1]), { minLength: 1, maxLength: 30 })
        .map((rows) => reading('b', rows)),
      // Few different ones, so that they repeat.
      fc
        .tuple(fc.constantFrom('r-1', 'r-2'), fc.constantFrom([0, 0], [1, 0]))
        .map(([id, values]) => reading(id, values)),
      fc.constant(reading('late', [0, 0], { deadline: new Date(1_000_000).toISOString() })),
    );
    const fate = fc.constantFrom('ok', 'refused', 'lost', 'not-connected', 'too-large', 'later');
    const step = fc.record({ payload, fate, qos: fc.constantFrom<Qos>(0, 1), waits: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        repeats = new Repeats({ entries: 3, bytes: 10_000 });
        build(20);
        const later: (() => void)[] = [];
        const acknowledged = steps.map(() => 0);
        /** Which deliveries have an answer whose fate is known. */
        const over = new Set<number>();
        settleAnswer = ({ correlationData }, done) => {
          const serial = Number(correlationData);
          const { fate = 'ok' } = steps[serial] ?? {};
          const tell = (what: PublishOutcome) => {
            over.add(serial);
            done(what);
          };
          if (fate === 'ok') tell({ ok: true });
          else if (fate === 'later') later.push(() => tell({ ok: true }));
          else tell({ ok: false, reason: fate, detail: fate });
        };
        let accepted = 0;
        const balance = () => {
          const { received, inHand, ...sample } = books.sample(1);
          const { answered, rejected, shed, expired, repeated } = sample;
          expect(received).toBe(answered + rejected + shed + expired + repeated + inHand);
          // What is in hand is known here from the answers alone.
          const open = steps.slice(0, accepted).filter((_, serial) => !over.has(serial));
          expect(inHand).toBe(open.reduce((sum, { payload: each }) => sum + rowsOf(each), 0));
          return { inHand, ...sample };
        };
        for (const [serial, each] of steps.entries()) {
          const settle = () => {
            acknowledged[serial] = (acknowledged[serial] ?? 0) + 1;
          };
          accept(each.payload, {
            qos: each.qos,
            correlationData: Buffer.from(`${serial}`),
            settle,
          });
          accepted += 1;
          balance();
          if (each.waits) await new Promise(setImmediate);
          balance();
        }
        while (books.inHand > 0) {
          await new Promise(setImmediate);
          for (const done of later.splice(0)) done();
        }
        const { repliesLost, repliesRefused } = balance();
        const of = (...fates: string[]) => steps.filter(({ fate }) => fates.includes(fate)).length;
        expect(repliesLost).toBe(of('lost', 'not-connected'));
        expect(repliesRefused).toBe(of('refused', 'too-large'));
        expect(acknowledged).toEqual(
          steps.map(({ fate }) => (fate === 'lost' || fate === 'not-connected' ? 0 : 1)),
        );
        expect(answers()).not.toContain(null);
      }),
      { numRuns: 200 },
    );
  });
});
