// The trials of subscriptions: what they bring, and what they take from a group.
import { coversFilter } from '../../schemas/filters.ts';
import { PROBES } from '../probes.ts';
import type { Actor } from './actor.ts';
import type { Attempt } from './attempt.ts';
import type { Observation } from './judge.ts';
import type { Stage } from './stage.ts';
import { isShared, plainFilter } from './universe.ts';
import { REFUSED } from './watching.ts';

/** So many readings show whether a stranger in the group takes some. */
const SHARED_READINGS = 6;

export async function trySubscribe(stage: Stage, attempt: Attempt): Promise<Observation> {
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
