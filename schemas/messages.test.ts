// The messages: one corpus judged by our compiled checks and by Ajv on the committed files.
import { readdirSync, readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import {
  decodeAdopting,
  decodeAnswer,
  decodeStats,
  decodeStatus,
  encodeMessage,
} from './encode.ts';
import { renderJsonSchemas } from './json-schema.ts';
import {
  checkAdopting,
  checkBatchPrediction,
  checkPrediction,
  checkProblemAnswer,
  checkReading,
  checkStats,
  checkStatus,
} from './messages.ts';

const FOLDER = new URL('./json-schema/', import.meta.url);
const model = {
  name: 'sonar',
  version: '1.0.0',
  digest: `sha256:${'a'.repeat(64)}`,
  runtime: 'onnx',
};
const prediction = {
  id: 'r-17',
  label: 'metal',
  score: 0.97,
  scores: { metal: 0.97, rock: 0.03 },
  model,
  agent: 'edge-1',
};
const { label, score, scores } = prediction;
const batch = { id: 'r-17', predictions: [{ label, score, scores }], model, agent: 'edge-1' };
const problem = {
  id: null,
  problem: { code: 'OVERLOADED', detail: 'full', retryAfterMs: 100 },
  agent: 'edge-1',
};
const status = {
  state: 'online',
  reason: 'serving',
  agent: 'edge-1',
  epoch: 'e',
  heartbeatAt: '2026-01-31T12:00:00Z',
  protocol: '5',
  group: 'predictors',
  models: [model],
};
const percentiles = { p50: 1, p95: 2, p99: 3, max: 4 };
const stats = {
  agent: 'edge-1',
  epoch: 'e',
  at: '2026-01-31T12:00:00Z',
  uptimeSeconds: 5,
  received: 6,
  answered: 1,
  rejected: 1,
  shed: 1,
  expired: 1,
  repeated: 1,
  inHand: 1,
  unanswerable: 0,
  repliesRefused: 0,
  repliesLost: 0,
  rate: { receivedPerSecond: 1, answeredPerSecond: 1 },
  latencyMs: { queue: percentiles, model: percentiles, total: percentiles },
  batchRows: percentiles,
  memory: { rssBytes: 1, heapUsedBytes: 1 },
  models: [model],
};

const adoptions = { started: 1, finished: 1, stopped: 0, failed: 0, readings: 7 };
const adopting = {
  state: 'finished',
  reason: 'quiet',
  adopter: 'edge-1',
  agent: 'edge-2',
  epoch: 'e',
  at: '2026-01-31T12:00:00Z',
  readings: 7,
};

const checks = {
  reading: checkReading,
  prediction: checkPrediction,
  'batch-prediction': checkBatchPrediction,
  problem: checkProblemAnswer,
  status: checkStatus,
  stats: checkStats,
  adopting: checkAdopting,
};

const corpus: [keyof typeof checks, boolean, unknown][] = [
  ['reading', true, { id: 'a', values: [0.1, 1] }],
  [
    'reading',
    true,
    {
      id: '~'.repeat(64),
      values: [[0.1], [2]],
      deadline: '2026-01-31T12:00:00.123+02:00',
      more: 1,
    },
  ],
  ['reading', false, { id: '', values: [1] }],
  ['reading', false, { id: 'x'.repeat(65), values: [1] }],
  ['reading', false, { id: 'ä', values: [1] }],
  ['reading', false, { values: [1] }],
  ['reading', false, { id: 'a' }],
  ['reading', false, { id: 'a', values: [] }],
  ['reading', false, { id: 'a', values: ['1'] }],
  ['reading', false, { id: 'a', values: [1, [1]] }],
  ['reading', false, { id: 'a', values: [1], deadline: 'tomorrow' }],
  ['reading', false, []],
  ['reading', false, 'text'],
  ['prediction', true, prediction],
  ['prediction', false, { ...prediction, score: 1.1 }],
  ['prediction', false, { ...prediction, agent: 'a/b' }],
  ['prediction', false, { ...prediction, model: { ...model, runtime: 'gpu' } }],
  ['prediction', false, { ...prediction, model: { ...model, digest: 'sha256:1' } }],
  ['batch-prediction', true, batch],
  ['batch-prediction', false, { ...batch, predictions: [] }],
  ['problem', true, problem],
  [
    'problem',
    true,
    { id: 'a', problem: { code: 'VALUES_WRONG_LENGTH', detail: 'x', row: 0 }, agent: 'edge-1' },
  ],
  ['problem', false, { ...problem, problem: { code: 'NEW_CODE', detail: '' } }],
  ['problem', false, { ...problem, problem: { code: 'OVERLOADED', detail: '', row: -1 } }],
  ['status', true, status],
  ['status', false, { ...status, state: 'busy' }],
  ['status', false, { ...status, models: 'sonar' }],
  ['stats', true, stats],
  ['stats', false, { ...stats, received: 1.5 }],
  ['stats', false, { ...stats, rate: {} }],
  ['stats', true, { ...stats, adoptions }],
  ['stats', false, { ...stats, adoptions: { ...adoptions, readings: -1 } }],
  ['adopting', true, adopting],
  ['adopting', false, { ...adopting, state: 'online' }],
  ['adopting', false, { ...adopting, agent: 'a/b' }],
];

describe('the JSON Schema files', () => {
  it('are what the source renders (npm run schemas writes them anew)', () => {
    const rendered = renderJsonSchemas();
    expect(readdirSync(FOLDER).sort()).toEqual([...rendered.keys()].sort());
    for (const [file, text] of rendered)
      expect(readFileSync(new URL(file, FOLDER), 'utf8')).toBe(text);
  });

  it('judge the corpus as our own checks do', () => {
    const ajv = new Ajv2020({ strict: true, allowUnionTypes: true });
    for (const [name, good, message] of corpus) {
      const schema = JSON.parse(readFileSync(new URL(`${name}.schema.json`, FOLDER), 'utf8')) as {
        $id: string;
      };
      const validate = ajv.getSchema(schema.$id) ?? ajv.compile(schema);
      expect(checks[name].Check(message), `${name} ${JSON.stringify(message)}`).toBe(good);
      expect(validate(message), `Ajv: ${name} ${JSON.stringify(message)}`).toBe(good);
    }
  });
});

describe('messages', () => {
  it('come back from both encodings', () => {
    for (const encoding of ['json', 'cbor'] as const) {
      for (const answer of [prediction, batch, problem]) {
        expect(decodeAnswer(encodeMessage(answer, encoding))).toEqual(answer);
      }
      expect(decodeStatus(encodeMessage(status, encoding))).toEqual(status);
      expect(decodeStats(encodeMessage(stats, encoding))).toEqual(stats);
      expect(decodeAdopting(encodeMessage(adopting, encoding))).toEqual(adopting);
    }
    const typed = {
      id: 't',
      labels: ['metal', 'rock'],
      scores: Float32Array.of(0.25, 0.75),
      model,
      agent: 'edge-1',
    };
    expect(decodeAnswer(encodeMessage(typed, 'cbor'))).toEqual(typed);
  });

  it('that are none give null', () => {
    const typed = {
      id: 't',
      labels: ['metal', 'rock'],
      scores: Float32Array.of(0.25),
      model,
      agent: 'edge-1',
    };
    for (const bad of [
      Buffer.alloc(0),
      Buffer.from('{'),
      Buffer.from('null'),
      Buffer.from('a1', 'hex'),
      encodeMessage({}, 'json'),
      encodeMessage(typed, 'cbor'),
      encodeMessage({ ...typed, agent: 7 }, 'cbor'),
    ]) {
      expect(decodeAnswer(bad)).toBeNull();
      expect(decodeStatus(bad)).toBeNull();
      expect(decodeStats(bad)).toBeNull();
      expect(decodeAdopting(bad)).toBeNull();
    }
  });
});
