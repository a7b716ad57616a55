// The agent's composition root: what it is made of, and how the parts know of each other.
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { createBus } from '../bus/bus.ts';
import type { Bus } from '../bus/types.ts';
import { Adopter, DEFAULT_ADOPTION } from './adopter.ts';
import { Announcer } from './announcer.ts';
import { Books } from './books.ts';
import type { Classifier } from './classifier.ts';
import { Evictions } from './evictions.ts';
import { openInHandJournal } from './in-hand-journal.ts';
import type { RunWatch } from './admitted.ts';
import { Lane } from './lane.ts';
import { type AgentOptions, DEFAULT_LIMITS } from './options.ts';
import { Predictor } from './predictor.ts';
import { ProblemLog } from './problem-log.ts';
import { Repeats } from './repeats.ts';
import { Routes } from './routes.ts';
import { SelfCheck } from './self-check.ts';

/** How long our own connection may take to prove itself before we take over another's session. */
const OWN_PROOF_MS = 5_000;

export interface Parts {
  readonly books: Books;
  readonly problems: ProblemLog;
  /** One per model, by the model's name. */
  readonly lanes: ReadonlyMap<string, Lane>;
  readonly routes: Routes;
  readonly predictor: Predictor;
  readonly selfCheck: SelfCheck;
  readonly announcer: Announcer;
  readonly adopter: Adopter;
  readonly evictions: Evictions;
  /** New at every start. */
  readonly epoch: string;
}

export function createParts(options: AgentOptions, publish: Bus['publish']): Parts {
  const { agentId: agent, classifiers, group, log, namespace } = options;
  const { batchRows, intake, maxPayloadBytes } = { ...DEFAULT_LIMITS, ...options.limits };
  const clock = () => performance.now();
  const wallClock = () => Date.now();
  const models = classifiers.map((classifier) => classifier.model);

  const books = new Books(wallClock());
  const problems = new ProblemLog(log, clock);
  const lanes = new Map(
    classifiers.map((classifier) => {
      const watch = openWatch(classifier, options);
      const lane = new Lane({ classifier, limits: intake, batchRows, books, clock, watch });
      return [classifier.model.name, lane] as const;
    }),
  );
  const predictor = new Predictor({
    agent,
    maxPayloadBytes,
    books,
    repeats: new Repeats(),
    publish,
    onProblem: (problem, client, error) => problems.record(problem, client, error),
    onSettled: ({ client, id, rows }, outcome, reply, durationMs) => {
      // Asked first: this is done for each reading, and the level may change at any time.
      if (!log.isLevelEnabled('debug')) return;
      const lost = reply.ok ? {} : { reply: reply.reason };
      log.debug({ client, id, rows, outcome, durationMs, ...lost }, 'reading settled');
    },
    clock,
    wallClock,
  });
  const selfCheck = new SelfCheck({
    agent,
    self: options.bus.username ?? agent,
    namespace,
    classifier: classifiers[0],
    maxPayloadBytes,
    publish,
  });
  const routes = new Routes(agent, namespace, lanes);
  const adopter = new Adopter({
    self: agent,
    namespace,
    group,
    models: [...lanes.keys()],
    settings: { ...DEFAULT_ADOPTION, ...options.adoption },
    bus: options.bus,
    createBus,
    publish,
    accept: (message) => {
      const route = routes.find(message.topic);
      if (route) predictor.accept(message, route);
    },
    proveOwn: async () => (await selfCheck.ask(OWN_PROOF_MS)).ok,
    log,
    clock,
  });
  const epoch = randomUUID();
  const announcer = new Announcer({
    agent,
    namespace,
    group,
    models,
    epoch,
    books,
    adoptions: adopter.counts,
    workers: () =>
      classifiers.flatMap(({ describeWorkers, model }) =>
        (describeWorkers?.() ?? []).map((worker) => ({ model: model.name, ...worker })),
      ),
    wallClock,
  });
  const evictions = new Evictions();
  return {
    books,
    problems,
    lanes,
    routes,
    predictor,
    selfCheck,
    announcer,
    adopter,
    evictions,
    epoch,
  };
}

/** A model in a process of its own cannot take this one along: nothing need be noted for the next life. */
function openWatch(
  { inference, model }: Classifier,
  { log, stateDir }: AgentOptions,
): RunWatch | undefined {
  if (stateDir === undefined || inference?.place === 'process') return undefined;
  const folder = join(stateDir, model.name);
  return openInHandJournal({ folder, digest: model.digest, log }) ?? undefined;
}
