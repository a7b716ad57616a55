// The trials: how each kind of attempt is made on the broker, and what is looked at to see its effect.
import { PROBE_MODEL } from '../probes.ts';
import type { Attempt, AttemptKind } from './attempt.ts';
import { tryCommand, tryLogin, tryTakeOver, tryWill } from './connection-trials.ts';
import type { Observation } from './judge.ts';
import { tryClear, tryRetain } from './retained-trials.ts';
import type { Stage } from './stage.ts';
import { trySubscribe } from './subscription-trials.ts';
import { watching } from './watching.ts';

type Trial = (stage: Stage, attempt: Attempt) => Promise<Observation>;

export const TRIALS: Record<AttemptKind, Trial> = {
  login: tryLogin,
  publish: (stage, attempt) =>
    watching(stage, attempt.topic, (token) => {
      return stage.actor(attempt.who).publish(attempt.topic, token);
    }),
  subscribe: trySubscribe,
  retain: tryRetain,
  clear: tryClear,
  will: tryWill,
  'take-over': tryTakeOver,
  'response-topic': tryResponseTopic,
  command: tryCommand,
};

async function tryResponseTopic(stage: Stage, attempt: Attempt): Promise<Observation> {
  const { namespace } = stage.universe.policy;
  const reading = `${namespace}/v1/readings/${attempt.who}/${PROBE_MODEL}`;
  const correlationData = Buffer.from(attempt.who);
  return watching(stage, attempt.topic, (token) => {
    const asked = { responseTopic: attempt.topic, correlationData };
    return stage.actor(attempt.who).publish(reading, token, asked);
  });
}
