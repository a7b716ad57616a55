// The agent's composition root: what it is made of, and how the parts know of each other.
import { randomUUID } from 'node:crypto';
import type { Bus } from '../bus/types.ts';
import { Announcer } from './announcer.ts';
import { Books } from './books.ts';
import { Lane } from './lane.ts';
import { type AgentOptions, DEFAULT_LIMITS } from './options.ts';
import { Peers } from './peers.ts';
import { Predictor } from './predictor.ts';
import { ProblemLog } from './problem-log.ts';
import { Routes } from './routes.ts';
import { SelfCheck } from './self-check.ts';

export interface Parts {
  readonly books: Books;
  readonly peers: Peers;
  readonly problems: ProblemLog;
  /** One per model, by the model's name. */
  readonly lanes: ReadonlyMap<string, Lane>;
  readonly routes: Routes;
  readonly predictor: Predictor;
  readonly selfCheck: SelfCheck;
  readonly announcer: Announcer;
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
      const lane = new Lane({ classifier, limits: intake, batchRows, books, clock });
      return [classifier.model.name, lane] as const;
    }),
  );
  const predictor = new Predictor({
    agent,
    maxPayloadBytes,
    books,
    publish,
    onProblem: (problem, client, error) => problems.record(problem, client, error),
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
  const epoch = randomUUID();
  const announcer = new Announcer({ agent, namespace, group, models, epoch, books, wallClock });
  const routes = new Routes(agent, namespace, lanes);
  const peers = new Peers(agent);
  return { books, peers, problems, lanes, routes, predictor, selfCheck, announcer };
}
