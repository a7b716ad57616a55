// Every message of the contract as TypeBox schemas: the one source of types, checks and JSON Schemas.
import Type from 'typebox';
import { Compile } from 'typebox/compile';
import { NAME_PATTERN } from './names.ts';
import { AGENT_PROBLEMS, type AgentProblemCode } from './problems.ts';

/** The most rows that one batch may hold. */
export const MAX_ROWS = 4096;

const Count = (description: string) => Type.Integer({ minimum: 0, description });
const Name = (description: string) => Type.String({ pattern: NAME_PATTERN, description });
const Instant = (description: string) =>
  Type.String({
    pattern:
      '^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})$',
    description,
  });
const Id = Type.String({
  pattern: '^[ -~]{1,64}$',
  description: '1 to 64 printable ASCII characters, unique per reading; the answer carries it.',
});
const Row = Type.Array(Type.Number(), {
  minItems: 1,
  description: "As many numbers as the model has inputs, within the model's limits.",
});

export const ReadingSchema = Type.Object(
  {
    id: Id,
    values: Type.Union([
      Row,
      Type.Array(Row, { minItems: 1, maxItems: MAX_ROWS, description: 'A batch, all or nothing.' }),
    ]),
    deadline: Type.Optional(Instant('RFC 3339 instant after which the answer is worthless.')),
  },
  {
    title: 'Reading',
    description:
      'What a device publishes on readings/{client}/{model}. In CBOR `values` may also be an RFC 8746 float32 typed array (tag 85 or 81) of rows × width numbers: always a batch.',
  },
);

export const RUNTIMES = ['onnx', 'tfjs-node', 'tfjs-wasm', 'tfjs-cpu'] as const;
export type Runtime = (typeof RUNTIMES)[number];

export const ModelReferenceSchema = Type.Object(
  {
    name: Name('The model segment of the topics.'),
    version: Type.String({ minLength: 1, description: 'Semantic version of the bundle.' }),
    digest: Type.String({ pattern: '^sha256:[0-9a-f]{64}$', description: 'Digest of the bundle.' }),
    runtime: Type.Enum([...RUNTIMES], { description: 'What computed the answer.' }),
  },
  { title: 'Model reference' },
);
export type ModelReference = Type.Static<typeof ModelReferenceSchema>;

const Score = Type.Number({ minimum: 0, maximum: 1 });
const predicted = {
  label: Type.String({ description: 'The label with the highest score.' }),
  score: Score,
  scores: Type.Record(Type.String(), Score, { description: 'Probability per label.' }),
};
const answered = { model: ModelReferenceSchema, agent: Name('The agent that answered.') };

export const PredictionSchema = Type.Object(
  { id: Id, ...predicted, ...answered },
  { title: 'Prediction', description: 'The answer to one reading, on replies/{client}/{model}.' },
);
export type Prediction = Type.Static<typeof PredictionSchema>;

export const BatchPredictionSchema = Type.Object(
  { id: Id, predictions: Type.Array(Type.Object(predicted), { minItems: 1 }), ...answered },
  {
    title: 'Batch prediction',
    description: 'The answer to a batch, one prediction per row, in order.',
  },
);
export type BatchPrediction = Type.Static<typeof BatchPredictionSchema>;

/** The answer to a typed array, in CBOR alone: `scores` is rows × labels, row by row. */
export interface TypedPrediction {
  id: string;
  labels: string[];
  scores: Float32Array;
  model: ModelReference;
  agent: string;
}

export const ProblemAnswerSchema = Type.Object(
  {
    id: Type.Union([Id, Type.Null()], { description: 'null where the id could not be read.' }),
    problem: Type.Object({
      code: Type.Enum(Object.keys(AGENT_PROBLEMS) as AgentProblemCode[]),
      detail: Type.String(),
      row: Type.Optional(Count('The row, from 0, that spoils a batch.')),
      retryAfterMs: Type.Optional(Count('With OVERLOADED: wait at least so long.')),
    }),
    agent: Name('The agent that answered.'),
  },
  { title: 'Problem', description: 'The answer to what could not be classified.' },
);
export type ProblemAnswer = Type.Static<typeof ProblemAnswerSchema>;

export type Answer = Prediction | BatchPrediction | TypedPrediction | ProblemAnswer;

const Models = Type.Array(ModelReferenceSchema);

export const StatusSchema = Type.Object(
  {
    state: Type.Enum(['online', 'draining', 'offline']),
    reason: Type.String({ description: 'Why the agent is in this state, in a few words.' }),
    agent: Name('The agent.'),
    epoch: Type.String({ minLength: 1, description: 'New at every start of the process.' }),
    heartbeatAt: Instant("The agent's clock; freshness is judged by the reader's own clock."),
    protocol: Type.Enum(['3.1.1', '5'], { description: 'The MQTT version in use.' }),
    group: Name('The share group.'),
    models: Models,
  },
  { title: 'Status', description: 'Retained on agents/{agent}/status; also the last will.' },
);
export type Status = Type.Static<typeof StatusSchema>;

const Percentiles = (description: string) =>
  Type.Object(
    { p50: Type.Number(), p95: Type.Number(), p99: Type.Number(), max: Type.Number() },
    { description },
  );

export const StatsSchema = Type.Object(
  {
    agent: Name('The agent.'),
    epoch: Type.String({ minLength: 1, description: 'The counts start at 0 in every epoch.' }),
    at: Instant("The agent's clock."),
    uptimeSeconds: Type.Number({ minimum: 0 }),
    received: Count('Readings taken in; a batch of n counts n.'),
    answered: Count('Readings answered with a prediction.'),
    rejected: Count('Readings answered with a problem of their own making.'),
    shed: Count('Readings answered OVERLOADED.'),
    expired: Count('Readings answered DEADLINE_PASSED.'),
    repeated: Count('Repeats answered from memory.'),
    inHand: Count('Readings not yet settled. received is the sum of the other six.'),
    unanswerable: Count('Among the rejected: no reply topic could be derived.'),
    repliesRefused: Count('Answers that the broker refused or that could not be handed over.'),
    repliesLost: Count('Answers whose connection ended too early; such readings come again.'),
    rate: Type.Object({
      receivedPerSecond: Type.Number({ minimum: 0 }),
      answeredPerSecond: Type.Number({ minimum: 0 }),
    }),
    latencyMs: Type.Object(
      {
        queue: Percentiles('From arrival to the start of the model.'),
        model: Percentiles('One run of the model.'),
        total: Percentiles('From arrival to the answer handed to the broker.'),
      },
      { description: 'Of the last sample period.' },
    ),
    batchRows: Percentiles('Rows per run of the model.'),
    adoptions: Type.Optional(
      Type.Object(
        {
          started: Count('Adoptions begun.'),
          finished: Count('Sessions emptied and ended.'),
          stopped: Count('Left to the owner or to another agent, to be tried again where needed.'),
          failed: Count('Impossible: the broker refused, or a reading could not be served here.'),
          readings: Count('Readings that adopted sessions brought; a batch counts 1.'),
        },
        { description: 'What this agent did for agents that were away.' },
      ),
    ),
    workers: Type.Optional(
      Type.Array(
        Type.Object({
          model: Name('What it computes.'),
          state: Type.Enum(['starting', 'free', 'busy', 'down']),
          pid: Type.Union([Count('Its process.'), Type.Null()], { description: 'Of this moment.' }),
          rows: Count('Rows computed, those of the processes before it in its place included.'),
          deaths: Count('Processes that died in its place after they had loaded the model.'),
        }),
        {
          description: 'The processes that compute, where the models have processes of their own.',
        },
      ),
    ),
    memory: Type.Object({ rssBytes: Count('Resident set.'), heapUsedBytes: Count('JS heap.') }),
    models: Models,
  },
  { title: 'Stats', description: 'Retained on agents/{agent}/stats, every 5 s.' },
);
export type Stats = Type.Static<typeof StatsSchema>;

export const AdoptingSchema = Type.Object(
  {
    state: Type.Enum(['started', 'finished', 'stopped', 'failed']),
    reason: Type.String({ description: 'Why, in a few words.' }),
    adopter: Name('The agent that answers for the other; that of the topic.'),
    agent: Name('The agent that is away.'),
    epoch: Type.String({ minLength: 1, description: 'The epoch of the agent that is away.' }),
    at: Instant("The adopter's clock."),
    readings: Count('What its session has brought so far; a batch counts 1.'),
  },
  { title: 'Adopting', description: 'On agents/{adopter}/adopting, QoS 1, not retained.' },
);
export type Adopting = Type.Static<typeof AdoptingSchema>;

export const checkReading = Compile(ReadingSchema);
export const checkPrediction = Compile(PredictionSchema);
export const checkBatchPrediction = Compile(BatchPredictionSchema);
export const checkProblemAnswer = Compile(ProblemAnswerSchema);
export const checkStatus = Compile(StatusSchema);
export const checkStats = Compile(StatsSchema);
export const checkAdopting = Compile(AdoptingSchema);

/** The schemas that are committed as files in `schemas/json-schema/`, by file name. */
export const PUBLISHED_SCHEMAS = {
  reading: ReadingSchema,
  prediction: PredictionSchema,
  'batch-prediction': BatchPredictionSchema,
  problem: ProblemAnswerSchema,
  status: StatusSchema,
  stats: StatsSchema,
  adopting: AdoptingSchema,
} as const;
