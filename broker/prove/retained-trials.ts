// The trials of retained messages: one that is left behind, and one that is taken away.
import type { Attempt } from './attempt.ts';
import type { Observation } from './judge.ts';
import type { Stage } from './stage.ts';

export async function tryRetain(stage: Stage, attempt: Attempt): Promise<Observation> {
  const { topic, who } = attempt;
  const actor = stage.actor(who);
  const token = stage.token();
  const code = await actor.publish(topic, token, { retain: true });
  const seen = await isKept(stage, topic, token);
  if (seen.arrived) await actor.send(topic, Buffer.alloc(0), { retain: true });
  return { ...seen, code };
}

export async function tryClear(stage: Stage, attempt: Attempt): Promise<Observation> {
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
  const watcher = stage.operator;
  if (!stage.universe.watchersOf(topic).includes(watcher.probe.name)) {
    return { arrived: false, fenced: false, watched: false };
  }
  const before = watcher.count(token);
  const fence = stage.keptFence;
  const fencesBefore = watcher.count(fence.token);
  await watcher.subscribe(topic);
  await watcher.subscribe(fence.topic);
  const fenced =
    stage.hasKeptFence &&
    (await watcher.until(() => watcher.count(fence.token) > fencesBefore, stage.patienceMs));
  // Without it, the next best: a message that is not retained. It proves no absence.
  if (!fenced) await stage.fence([watcher.probe.name]);
  await watcher.unsubscribe(topic);
  await watcher.unsubscribe(fence.topic);
  return { arrived: watcher.count(token) > before, fenced, watched: true };
}
