// The plan: every attempt that is to be made on a broker, derived from the policy, with what it says to each.
import { coversFilter } from '../../schemas/filters.ts';
import { mayBeRetained, type Policy } from '../policy.ts';
import { PROBE_GROUP, PROBE_MODEL, PROBES, type Probe } from '../probes.ts';
import { type Attempt, type AttemptKind, keyOf, type Sample } from './attempt.ts';
import { filtersBeside, topicsBeside } from './neighbours.ts';
import { isShared, KINDS, OUTSIDER, type Right, Universe } from './universe.ts';

/** The topic over which Mosquitto's dynamic-security plugin takes commands. */
export const COMMAND_TOPIC = '$CONTROL/dynamic-security/v1';

/**
 * For every right of every probe: something that it allows, and for each level what lies one step
 * beside it; then the attacks that no rule gives rise to. Every attempt once.
 */
export function planAttempts(policy: Policy): Attempt[] {
  const universe = new Universe(policy);
  const attempts = PROBES.flatMap((probe) => {
    const rights = universe.rightsOf(probe);
    return [
      ...rights.flatMap((right) => ofRight(universe, probe, right, rights)),
      ...attacksOn(universe, probe),
    ];
  });
  const nobody = {
    who: 'nobody',
    role: 'nobody',
    topic: '',
    expected: 'denied',
    rules: [],
  } as const;
  return merged([{ kind: 'login', ...nobody }, ...attempts]);
}

function ofRight(
  universe: Universe,
  probe: Probe,
  right: Right,
  rights: readonly Right[],
): Attempt[] {
  const { filter } = right;
  if (right.verb === 'receive') {
    return [
      subscribe(universe, probe, filter, [filter], rights),
      ...filtersBeside(filter, universe.policy.group).flatMap((filters) => {
        const denied = filters.map((each) => subscribe(universe, probe, each, [filter], rights));
        return firstOf(denied.filter(isDenied), ({ sample }) => sample !== null);
      }),
    ];
  }
  const own = rights.filter((other) => other !== right && other.verb === 'publish');
  const topic = universe
    .within(filter)
    .filter((each) => universe.may(probe, 'publish', each))
    .find((each) => !own.some((other) => coversFilter(other.filter, each)));
  if (topic === undefined) throw new Error(`no topic shows the right to publish ${filter}`);
  return [
    publish(universe, probe, topic, [filter]),
    ...topicsBeside(topic).flatMap((topics) => {
      const denied = topics
        .filter(isOfProbes)
        .map((each) => publish(universe, probe, each, [filter]));
      return firstOf(denied.filter(isDenied), (each) => universe.watchersOf(each.topic).length > 0);
    }),
  ];
}

function publish(
  universe: Universe,
  probe: Probe,
  topic: string,
  rules: readonly string[],
  kind: AttemptKind = 'publish',
): Attempt {
  const expected = universe.may(probe, 'publish', topic) ? 'allowed' : 'denied';
  return { kind, who: probe.name, role: probe.role, topic, expected, rules };
}

function subscribe(
  universe: Universe,
  probe: Probe,
  filter: string,
  rules: readonly string[],
  rights: readonly Right[],
): Attempt {
  const expected = universe.may(probe, 'subscribe', filter) ? 'allowed' : 'denied';
  const sample = sampleOf(universe, probe, filter, expected, rights);
  const { name: who, role } = probe;
  return { kind: 'subscribe', who, role, topic: filter, expected, rules, sample };
}

/** A message that the subscription would bring, and where it is denied nothing else would. */
function sampleOf(
  universe: Universe,
  probe: Probe,
  filter: string,
  expected: Attempt['expected'],
  rights: readonly Right[],
): Sample | null {
  if (filter.startsWith('$SYS/')) return { by: null, topic: '$SYS' };
  const others = rights.filter((right) => right.verb === 'receive' && right.filter !== filter);
  const isTold = (topic: string) =>
    others.some((other) => !other.exact && coversFilter(other.filter, topic));
  const topics = universe.within(filter);
  const topic =
    expected === 'allowed' || isShared(filter)
      ? (topics.find((each) => isShared(filter) && each.includes('/readings/')) ??
        topics.find((each) => !isTold(each)) ??
        topics[0])
      : topics.find((each) => !universe.may(probe, 'receive', each));
  const writers = topic === undefined ? [] : universe.writersOf(topic);
  const by = writers.find((writer) => writer !== probe.name) ?? writers[0];
  return topic === undefined || by === undefined ? null : { by, topic };
}

/** What a probe would try that knows the others, whatever its own rights look like. */
function attacksOn(universe: Universe, probe: Probe): Attempt[] {
  const { group, namespace } = universe.policy;
  const root = `${namespace}/v1`;
  const rights = universe.rightsOf(probe);
  const other = PROBES.find(({ name, role }) => role === 'client' && name !== probe.name);
  const victim = other?.name ?? OUTSIDER;
  const edge = PROBES.find(({ role }) => role === 'predictor')?.name ?? OUTSIDER;
  const targets = KINDS.flatMap((kind) => {
    if (kind === 'drift' || kind === 'alerts') return [`${root}/${kind}/${PROBE_MODEL}`];
    if (kind === 'agents')
      return ['status', 'stats'].map((end) => `${root}/${kind}/${edge}/${end}`);
    if (kind === 'control') return [`${root}/${kind}/${edge}/request`];
    if (kind === 'models') return [`${root}/${kind}/${PROBE_MODEL}/${PROBE_MODEL}`];
    return [`${root}/${kind}/${victim}/${PROBE_MODEL}`];
  });
  const publishes = (kind: AttemptKind) =>
    targets.map((topic) => publish(universe, probe, topic, [], kind));
  const filters = [
    '#',
    '+/#',
    '$SYS/#',
    '$CONTROL/#',
    `${namespace}/#`,
    `${root}/#`,
    ...['readings', 'replies'].flatMap((kind) => [
      `${root}/${kind}/#`,
      `${root}/${kind}/+/+`,
      `${root}/${kind}/${victim}/+`,
      `${root}/${kind}/${victim}/${PROBE_MODEL}`,
      `$share/${PROBE_GROUP}/${root}/${kind}/+/${PROBE_MODEL}`,
      `$share/${PROBE_GROUP}/${root}/${kind}/${victim}/${PROBE_MODEL}`,
      `$share/${PROBE_GROUP}/${root}/#`,
      `$share/${group}/${root}/${kind}/+/${PROBE_MODEL}`,
      `$share/${OUTSIDER}/${root}/${kind}/+/${PROBE_MODEL}`,
      `$share/${OUTSIDER}/${root}/${kind}/+/+`,
    ]),
    ...KINDS.map((kind) => `${root}/${kind}/#`),
  ];
  const { name: who, role } = probe;
  const by = (kind: AttemptKind, topic: string): Attempt => {
    return { kind, who, role, topic, expected: 'denied', rules: [] };
  };
  return [
    ...publishes('publish'),
    ...publishes('will'),
    ...publishes('retain').filter(({ expected, topic }) => {
      return expected === 'denied' || mayBeRetained(universe.policy, topic);
    }),
    ...publishes('clear').filter(({ topic }) => {
      const isKept = topic.endsWith('/stats') || topic.startsWith(`${root}/models/`);
      return isKept && !universe.may(probe, 'publish', topic);
    }),
    ...['$SYS/broker/version', '$SYS/probe'].map((topic) => publish(universe, probe, topic, [])),
    ...filters.map((filter) => subscribe(universe, probe, filter, [], rights)),
    by('command', COMMAND_TOPIC),
    ...PROBES.filter(({ name }) => name !== who).map(({ name }) => by('take-over', name)),
    ...(role === 'predictor'
      ? [{ ...by('take-over', `${who}-adopts`), expected: 'allowed' as const }]
      : [by('take-over', OUTSIDER)]),
    ...(role === 'client'
      ? [by('response-topic', `${root}/replies/${victim}/${PROBE_MODEL}`)]
      : []),
  ];
}

/** Where the broker lets it through, it must not reach what is real. */
function isOfProbes(topic: string): boolean {
  return topic.split('/').some((level) => level.startsWith(PROBE_MODEL));
}

function isDenied({ expected }: Attempt): boolean {
  return expected === 'denied';
}

/** The first that is good, else the first. */
function firstOf(attempts: readonly Attempt[], isGood: (attempt: Attempt) => boolean): Attempt[] {
  const found = attempts.find(isGood) ?? attempts[0];
  return found ? [found] : [];
}

/** The same attempt for several rights is made once, and is told as one of all of them. */
function merged(attempts: readonly Attempt[]): Attempt[] {
  const byKey = new Map<string, Attempt>();
  for (const attempt of attempts) {
    const known = byKey.get(keyOf(attempt));
    const rules = new Set([...(known?.rules ?? []), ...attempt.rules]);
    byKey.set(keyOf(attempt), { ...attempt, rules: [...rules] });
  }
  return [...byKey.values()];
}
