// How a publish is looked for: everybody subscribes who may, it is made, and a fence follows it.
import type { Observation } from './judge.ts';
import type { Stage } from './stage.ts';

/** Acknowledgements from here on are refusals. */
export const REFUSED = 128;

/** Lets everybody look who may, does it, and sends a fence after it. */
export async function watching(
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
