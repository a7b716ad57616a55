// What lies one step beside a right: the topics and filters that a widened rule would let through.
import { parseSharedFilter } from '../../schemas/filters.ts';
import { SELF_CHECK_MODEL } from '../../schemas/names.ts';
import { PROBE_GROUP, PROBE_MODEL, PROBES } from '../probes.ts';
import { KINDS, OUTSIDER } from './universe.ts';

const NAMES: readonly string[] = PROBES.map(({ name }) => name);

/**
 * For each level of a topic, and for one more and one fewer, the topics that differ there and nowhere
 * else. Whether they are denied is for the policy to say.
 */
export function topicsBeside(topic: string): string[][] {
  const levels = topic.split('/');
  const changed = levels.map((level, index) =>
    othersOf(level, index).map((other) => levels.with(index, other).join('/')),
  );
  return [...changed, [`${topic}/${OUTSIDER}`], [levels.slice(0, -1).join('/')]];
}

/** As `topicsBeside`, for a filter of a subscription: with wildcards in place of each level as well. */
export function filtersBeside(filter: string, agentsGroup: string): string[][] {
  const shared = parseSharedFilter(filter);
  if (!shared) return [...plainFiltersBeside(filter), [`$share/${OUTSIDER}/${filter}`]];
  const inGroup = (group: string) => (each: string) => `$share/${group}/${each}`;
  return [
    ...plainFiltersBeside(shared.filter).map((some) => some.map(inGroup(shared.group))),
    [inGroup(OUTSIDER)(shared.filter)],
    [inGroup(agentsGroup)(shared.filter)],
    [shared.filter],
  ];
}

function plainFiltersBeside(filter: string): string[][] {
  const levels = filter.split('/');
  const isOpen = levels.at(-1) === '#';
  const beside = levels.flatMap((level, index) => {
    if (level === '#') return [];
    const wider = [...levels.slice(0, index), '#'].join('/');
    if (level === '+') return [[wider]];
    const others = othersOf(level, index).map((other) => levels.with(index, other).join('/'));
    return [others, [levels.with(index, '+').join('/')], [wider]];
  });
  return isOpen ? beside : [...beside, [`${filter}/${OUTSIDER}`]];
}

/** What may stand in the place of a level, the nearest first; nothing for a wildcard. */
function othersOf(level: string, index: number): string[] {
  if (level === '+' || level === '#') return [];
  if (index === 0) return level.startsWith('$') ? [] : [OUTSIDER];
  if (index === 1) return ['v0'];
  const candidates =
    index === 2 ? KINDS : [...NAMES, PROBE_MODEL, SELF_CHECK_MODEL, PROBE_GROUP, OUTSIDER];
  const isPerson = NAMES.includes(level);
  return candidates
    .filter((other) => other !== level)
    .sort((a, b) => Number(isPerson && NAMES.includes(b)) - Number(isPerson && NAMES.includes(a)));
}
