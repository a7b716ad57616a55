// The trials of connections: logins, last wills, foreign client ids, and commands that end them.
import { openProbeConnection } from '../../bus/probe-connection.ts';
import type { LastWill } from '../../bus/types.ts';
import { PROBE_MODEL, PROBES } from '../probes.ts';
import type { Actor } from './actor.ts';
import type { Attempt } from './attempt.ts';
import { BOUND, type Observation } from './judge.ts';
import { probePayload } from './payload.ts';
import type { Stage } from './stage.ts';
import { watching } from './watching.ts';

export async function tryLogin({ dial }: Stage): Promise<Observation> {
  const opening = await openProbeConnection({ ...dial, clientId: PROBE_MODEL }, () => undefined);
  if (opening.ok) await opening.connection.drop();
  return { arrived: opening.ok, fenced: true, watched: true, code: null };
}

export async function tryWill(stage: Stage, attempt: Attempt): Promise<Observation> {
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
export async function tryTakeOver(stage: Stage, attempt: Attempt): Promise<Observation> {
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

/** A change of a client that changes nothing, after which the plugin closes that client's connection. */
export async function tryCommand(stage: Stage, attempt: Attempt): Promise<Observation> {
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
