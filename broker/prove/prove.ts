// The prover: connects as every probe, makes every attempt of the plan, and judges each by what arrives.
import { randomUUID } from 'node:crypto';
import type { ProbeRefusal } from '../../bus/probe-connection.ts';
import { BrokerRefusedError, type Protocol } from '../../bus/types.ts';
import type { Policy } from '../policy.ts';
import { PROBES } from '../probes.ts';
import { BROKER_VERSION, type Credentials } from './actor.ts';
import { type BrokerTraits, type Judgement, judge } from './judge.ts';
import { planAttempts } from './plan.ts';
import { Stage } from './stage.ts';
import { TRIALS } from './trials.ts';
import { Universe } from './universe.ts';

export interface ProveOptions {
  /** mqtt://, mqtts://, ws:// or wss:// */
  readonly url: string;
  /** `auto`: MQTT 5 where the broker speaks it, else 3.1.1. */
  readonly protocol: 'auto' | Protocol;
  readonly policy: Policy;
  /** By the name of the probe. */
  readonly credentials: ReadonlyMap<string, Credentials>;
  /** How long what is allowed may take. */
  readonly patienceMs: number;
  /** Told as each is made. */
  readonly onJudgement?: (judgement: Judgement) => void;
}

export interface Proof {
  readonly broker: BrokerTraits & { readonly version: string | null };
  readonly judgements: readonly Judgement[];
}

/** So many attempts in a row that wait in vain: it is the broker that does not answer. */
const MANY = 10;

/** The broker cannot be reached. Exit 69. */
export class BrokerUnreachableError extends Error {
  readonly code = 'BROKER_UNREACHABLE';
  readonly exitCode = 69;
  readonly remedy = 'Check --url, and that the broker runs there.';
}

/**
 * Proves a running broker. Safe on one that serves: nothing but topics of the probes is touched.
 * Two proofs at once on one broker disturb each other.
 * @throws {BrokerRefusedError} a probe is not let in
 * @throws {BrokerUnreachableError}
 */
export async function provePolicy(options: ProveOptions): Promise<Proof> {
  const universe = new Universe(options.policy);
  const stage = await openStage(options, universe);
  try {
    await stage.raiseFences();
    await stage.keepFence();
    const { protocol } = stage.dial;
    const version = await readVersion(stage);
    const broker = { protocol, version, isMosquitto: version?.startsWith('mosquitto') ?? false };
    const judgements: Judgement[] = [];
    let slow = 0;
    for (const attempt of planAttempts(options.policy)) {
      // Response topics are of MQTT 5.
      if (attempt.kind === 'response-topic' && protocol !== '5') continue;
      const began = performance.now();
      const judgement = judge(attempt, await TRIALS[attempt.kind](stage, attempt), broker);
      slow = performance.now() - began < options.patienceMs ? 0 : slow + 1;
      if (slow >= MANY || !stage.everybody.some((actor) => actor.isConnected)) {
        throw new BrokerUnreachableError(`${options.url} does not answer any more`);
      }
      judgements.push(judgement);
      options.onJudgement?.(judgement);
    }
    return { broker, judgements };
  } finally {
    await stage.close();
  }
}

async function openStage(
  { credentials, patienceMs, protocol, url }: ProveOptions,
  universe: Universe,
): Promise<Stage> {
  const versions: Protocol[] = protocol === 'auto' ? ['5', '3.1.1'] : [protocol];
  for (const [index, version] of versions.entries()) {
    const dial = { url, protocol: version, timeoutMs: patienceMs };
    const stage = new Stage(universe, dial, credentials, { patienceMs, run: randomUUID() });
    const refusal = await connectAll(stage);
    if (refusal === null) return stage;
    const isOther = refusal.kind === 'version' || refusal.kind === 'closed';
    if (!isOther || index === versions.length - 1) throw errorOf(refusal, url, version);
    await Promise.all(stage.everybody.map((actor) => actor.close()));
  }
  throw new Error('no version of MQTT is left');
}

type NamedRefusal = ProbeRefusal & { readonly name: string };

async function connectAll(stage: Stage): Promise<NamedRefusal | null> {
  for (const actor of stage.everybody) {
    const opening = await actor.connect();
    if (opening && !opening.ok) return { ...opening.refusal, name: actor.probe.name };
  }
  return null;
}

function errorOf({ detail, kind, name }: NamedRefusal, url: string, version: Protocol): Error {
  if (kind === 'unreachable') return new BrokerUnreachableError(`${url}: ${detail}`);
  if (kind === 'version') {
    return new BrokerRefusedError(
      `the broker does not speak MQTT ${version}`,
      'Prove it with --protocol auto.',
    );
  }
  return new BrokerRefusedError(
    `the broker does not let the probe ${name} in: ${detail}`,
    'Name the store of this broker with --store. On Mosquitto the probes are what "echolot policy render" writes (unless with --no-probes): render again from this store and bring it there.',
  );
}

async function readVersion(stage: Stage): Promise<string | null> {
  const probe = PROBES.find(({ role }) => role === 'operator');
  if (!probe) return null;
  const operator = stage.actor(probe.name);
  await operator.subscribe(BROKER_VERSION);
  await stage.fence([probe.name]);
  await operator.unsubscribe(BROKER_VERSION);
  return operator.brokerVersion;
}
