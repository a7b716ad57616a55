// The trials: how each kind of attempt is made on the broker, and what is looked at to see its effect.
import { coversFilter } from '../../schemas/filters.ts';
import type { LastWill } from '../../bus/types.ts';
import { PROBE_MODEL, PROBES } from '../probes.ts';
import type { Actor } from './actor.ts';
import type { Attempt, AttemptKind } from './attempt.ts';
import { BOUND, type Observation } from './judge.ts';
import { probePayload } from './payload.ts';
import { openProbeConnection } from '../../bus/probe-connection.ts';
import { isShared, plainFilter } from './universe.ts';
import type { Stage } from './stage.ts';

/** So many readings show whether a stranger in the group takes some. */
const SHARED_READINGS = 6;
const REFUSED = 128;

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

async function tryLogin({ dial }: Stage): Promise<Observation> {
  const opening = await openProbeConnection({ ...dial, clientId: PROBE_MODEL }, () => undefined);
  if (opening.ok) await opening.connection.drop();
  return { arrived: opening.ok, fenced: true, watched: true, code: null };
}

/** Lets everybody look who may, does it, and sends a fence after it. */
async function watching(
  stage: Stage,
  topic: string,
  act: (token: string) => Promise<number | null>,
): Promise<Observation> {
  const token = stage.token();
  const looking = await Promise.all(
    stage.universe.watchersOf(topic).map(async (name) => {
      const code = await stage.actor(name).subscribe(topic);
      return code !== null && code < REFUSED ? [stage.actor(name)] : [];
    }),
  );
  const watchers = looking.flat();
  const code = await act(token);
  const fenced = await stage.fence(watchers.map(({ probe }) => probe.name));
  const arrived = watchers.some((watcher) => watcher.count(token) > 0);
  await Promise.all(watchers.map((watcher) => watcher.unsubscribe(topic)));
  return { arrived, fenced: fenced.size > 0, watched: watchers.length > 0, code };
}

async function trySubscribe(stage: Stage, attempt: Attempt): Promise<Observation> {
  const { sample, topic: filter, who } = attempt;
  const actor = stage.actor(who);
  if (!sample) {
    const code = await actor.subscribe(filter);
    await actor.unsubscribe(filter);
    return { arrived: false, fenced: false, watched: false, code };
  }
  if (sample.by === null) return tryBrokersOwn(stage, actor, filter);
  const member = isShared(filter) ? await joinAsMember(stage, who, sample.topic) : null;
  const code = await actor.subscribe(filter);
  const tokens = Array.from({ length: member ? SHARED_READINGS : 1 }, () => stage.token());
  for (const token of tokens) await stage.actor(sample.by).publish(sample.topic, token);
  const watchers = [actor, ...(member ? [member.actor] : [])].map(({ probe }) => probe.name);
  const fenced = await stage.fence(watchers);
  if (attempt.expected === 'allowed' && !fenced.has(who)) {
    await actor.until(() => came(actor, tokens) > 0, stage.patienceMs);
  }
  // What the fence's own subscription brings is not the share.
  const own = stage.fenceOf(who)?.topic === sample.topic ? tokens.length : 0;
  const isOwn = isShared(filter) && own > 0;
  const swallowed = member ? tokens.length - came(member.actor, tokens) : 0;
  const isIn = code !== null && code < REFUSED;
  const taken = isIn && swallowed > 0;
  const arrived = came(actor, tokens) > (isOwn ? own : 0) || taken;
  await actor.unsubscribe(filter);
  await member?.leave();
  return {
    arrived,
    fenced: watchers.every((name) => fenced.has(name)),
    watched: true,
    code,
    ...(taken && { note: `${swallowed} of ${tokens.length} readings were taken from the group` }),
  };
}

function came(actor: Actor, tokens: readonly string[]): number {
  return tokens.reduce((sum, token) => sum + actor.count(token), 0);
}

/** Who belongs to the group, so that it is seen whether a stranger takes from it. */
async function joinAsMember(stage: Stage, stranger: string, topic: string) {
  const probe = PROBES.find(({ role }) => role === 'predictor');
  if (!probe || probe.name === stranger) return null;
  const share = stage.universe
    .rightsOf(probe)
    .find(({ exact, filter }) => exact && coversFilter(plainFilter(filter), topic));
  if (!share) return null;
  const actor = stage.actor(probe.name);
  const code = await actor.subscribe(share.filter);
  if (code === null || code >= REFUSED) return null;
  return { actor, leave: () => actor.unsubscribe(share.filter) };
}

/** `$SYS`: some of it is retained, and some comes when somebody connects. */
async function tryBrokersOwn(stage: Stage, actor: Actor, filter: string): Promise<Observation> {
  const before = actor.told;
  const code = await actor.subscribe(filter);
  const other = stage.everybody.find(({ probe }) => probe.name !== actor.probe.name);
  await other?.close();
  await other?.connect();
  const fenced = await stage.fence([actor.probe.name]);
  const arrived = actor.told > before;
  await actor.unsubscribe(filter);
  return { arrived, fenced: fenced.size > 0, watched: true, code };
}

async function tryRetain(stage: Stage, attempt: Attempt): Promise<Observation> {
  const { topic, who } = attempt;
  const actor = stage.actor(who);
  const token = stage.token();
  const code = await actor.publish(topic, token, { retain: true });
  const seen = await isKept(stage, topic, token);
  if (seen.arrived) await actor.send(topic, Buffer.alloc(0), { retain: true });
  return { ...seen, code };
}

async function tryClear(stage: Stage, attempt: Attempt): Promise<Observation> {
  const { topic, who } = attempt;
  const [owner] = stage.universe.writersOf(topic);
  if (owner === undefined) return { arrived: false, fenced: false, watched: false, code: null };
  const token = stage.token();
  await stage.actor(owner).publish(topic, token, { retain: true });
  const before = await isKept(stage, topic, token);
  const code = await stage.actor(who).send(topic, Buffer.alloc(0), { retain: true });
  const after = await isKept(stage, topic, token);
  await stage.actor(owner).send(topic, Buffer.alloc(0), { retain: true });
  return {
    arrived: before.arrived && !after.arrived,
    fenced: before.arrived && after.fenced,
    watched: before.watched,
    code,
  };
}

/** Whether the token is retained. The fence is another retained message, asked for after it. */
async function isKept(
  stage: Stage,
  topic: string,
  token: string,
): Promise<Pick<Observation, 'arrived' | 'fenced' | 'watched'>> {
  const watcher = stage.universe
    .watchersOf(topic)
    .map((name) => stage.actor(name))
    .find(({ probe }) => probe.role === 'operator');
  if (!watcher) return { arrived: false, fenced: false, watched: false };
  const before = watcher.count(token);
  const fence = stage.keptFence;
  const fencesBefore = watcher.count(fence.token);
  await watcher.subscribe(topic);
  await watcher.subscribe(fence.topic);
  const fenced = await watcher.until(
    () => watcher.count(fence.token) > fencesBefore,
    stage.patienceMs,
  );
  await watcher.unsubscribe(topic);
  await watcher.unsubscribe(fence.topic);
  return { arrived: watcher.count(token) > before, fenced, watched: true };
}

async function tryWill(stage: Stage, attempt: Attempt): Promise<Observation> {
  const { topic, who } = attempt;
  const actor = stage.actor(who);
  return watching(stage, topic, async (token) => {
    const will: LastWill = { topic, payload: probePayload(token), qos: 1, retain: false };
    await actor.close();
    await actor.connect(will);
    await actor.drop();
    await actor.connect();
    // The broker may take a moment to notice: the first fence goes through while it does.
    await stage.fence([who]);
    return null;
  });
}

/** A listener may give everybody the username as client id: then who attacks displaces itself alone. */
async function tryTakeOver(stage: Stage, attempt: Attempt): Promise<Observation> {
  const { topic: clientId, who } = attempt;
  const attacker = stage.actor(who);
  const isProbe = PROBES.some(({ name }) => name === clientId);
  const victim = isProbe ? stage.actor(clientId) : null;
  const both = victim ? [attacker, victim] : [attacker];
  for (const each of both) await each.connect();
  const before = new Map(both.map((each) => [each, each.generation]));
  const opening = await attacker.open(clientId);
  const fenced = await stage.fence(both.map(({ probe }) => probe.name));
  const isThere = (each: Actor) => each.isConnected && before.get(each) === each.generation;
  const isBound = opening.ok && !isThere(attacker);
  const arrived = victim ? !isThere(victim) : opening.ok && !isBound;
  if (opening.ok) await opening.connection.drop();
  for (const each of both) await each.connect();
  return {
    arrived,
    fenced: fenced.has(victim?.probe.name ?? who) || isBound,
    watched: true,
    code: null,
    ...(isBound && { note: BOUND }),
  };
}

async function tryResponseTopic(stage: Stage, attempt: Attempt): Promise<Observation> {
  const { namespace } = stage.universe.policy;
  const reading = `${namespace}/v1/readings/${attempt.who}/${PROBE_MODEL}`;
  const correlationData = Buffer.from(attempt.who);
  return watching(stage, attempt.topic, (token) => {
    const asked = { responseTopic: attempt.topic, correlationData };
    return stage.actor(attempt.who).publish(reading, token, asked);
  });
}

/** A change of a client that changes nothing, after which the plugin closes that client's connection. */
async function tryCommand(stage: Stage, attempt: Attempt): Promise<Observation> {
  const victim = stage.everybody.find(({ probe }) => {
    return probe.role === 'client' && probe.name !== attempt.who;
  });
  if (!victim) return { arrived: false, fenced: false, watched: false, code: null };
  await victim.connect();
  const { generation, probe } = victim;
  const command = { commands: [{ command: 'modifyClient', username: probe.name }] };
  const code = await stage
    .actor(attempt.who)
    .send(attempt.topic, Buffer.from(JSON.stringify(command)));
  const fenced = await stage.fence([probe.name]);
  const isThere = victim.isConnected && victim.generation === generation;
  await victim.connect();
  return { arrived: !isThere, fenced: fenced.size > 0, watched: true, code };
}
