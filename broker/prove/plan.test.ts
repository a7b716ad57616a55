import { describe, expect, it } from 'vitest';
import { coversFilter } from '../../schemas/filters.ts';
import { createPolicy, decide } from '../policy.ts';
import { PROBE_GROUP, PROBE_MODEL, PROBES } from '../probes.ts';
import { type Attempt, keyOf } from './attempt.ts';
import { planFences } from './fences.ts';
import { COMMAND_TOPIC, planAttempts } from './plan.ts';
import { isShared, plainFilter, type Right, Universe } from './universe.ts';

const policy = createPolicy();
const universe = new Universe(policy);
const plan = planAttempts(policy);
const OWN: string[] = [...PROBES.map(({ name }) => name), PROBE_MODEL];

const rights = PROBES.flatMap((probe) =>
  universe
    .rightsOf(probe)
    .map((right) => ({ probe, right, name: `${probe.role} ${right.filter}` })),
);

function of(who: string, kind: Attempt['kind'], expected: Attempt['expected']): Attempt[] {
  return plan.filter((each) => {
    return each.who === who && each.kind === kind && each.expected === expected;
  });
}

/** The rule with each of its levels opened, and with everything below each of its levels. */
function widened({ filter }: Right): string[] {
  const levels = plainFilter(filter).split('/');
  const share = filter.slice(0, filter.length - plainFilter(filter).length);
  return levels
    .flatMap((level, index) => {
      if (level === '#' || level.startsWith('$')) return [];
      const below = [...levels.slice(0, index), '#'].join('/');
      return level === '+' ? [below] : [below, levels.with(index, '+').join('/')];
    })
    .map((each) => share + each);
}

describe('the plan', () => {
  it('tries every right of every probe, on a topic that no other of its rights covers', () => {
    for (const { probe, right } of rights) {
      const kind = right.verb === 'publish' ? 'publish' : 'subscribe';
      const tries = of(probe.name, kind, 'allowed').filter(({ rules }) => {
        return rules.includes(right.filter);
      });
      expect(tries).toHaveLength(1);
      const topic = kind === 'publish' ? tries[0]?.topic : tries[0]?.sample?.topic;
      const others = universe.rightsOf(probe).filter((other) => {
        return other.verb === right.verb && other.filter !== right.filter && !other.exact;
      });
      const covering = others.filter(({ filter }) => topic && coversFilter(filter, topic));
      expect(covering).toEqual([]);
    }
  });

  it.each(rights)('would notice that $name is wider than it should be', ({ probe, right }) => {
    const kind = right.verb === 'publish' ? 'publish' : 'subscribe';
    const denied = of(probe.name, kind, 'denied');
    for (const wider of widened(right)) {
      const noticed = denied.filter(({ topic }) => {
        return (
          isShared(topic) === isShared(wider) &&
          coversFilter(plainFilter(wider), plainFilter(topic))
        );
      });
      expect(noticed.map(keyOf), wider).not.toEqual([]);
      expect(noticed.some(({ rules }) => rules.includes(right.filter))).toBe(true);
    }
  });

  it('expects of each attempt what the policy decides', () => {
    const asked = plan.filter(({ kind }) => kind === 'publish' || kind === 'subscribe');
    expect(asked.length).toBeGreaterThan(500);
    for (const { expected, kind, topic, who } of asked) {
      const probe = PROBES.find(({ name }) => name === who);
      if (!probe) throw new Error(`${who} is no probe`);
      const { allowed } = decide(
        policy,
        probe,
        kind === 'publish' ? 'publish' : 'subscribe',
        topic,
      );
      expect(expected).toBe(allowed ? 'allowed' : 'denied');
    }
  });

  it('publishes nothing on a topic of anybody but the probes', () => {
    const published = plan.filter(({ kind }) => kind !== 'subscribe' && kind !== 'login');
    const samples = plan.flatMap(({ sample }) => (sample?.by ? [sample.topic] : []));
    const fences = [...planFences(universe).values()].flat().map(({ topic }) => topic);
    for (const topic of [...published.map((each) => each.topic), ...samples, ...fences]) {
      const isOwn = topic.split('/').some((level) => OWN.some((name) => level.startsWith(name)));
      expect(isOwn || topic.startsWith('$SYS/') || topic === COMMAND_TOPIC, topic).toBe(true);
    }
  });

  it('joins the group of the agents for no model but the reserved one', () => {
    const joined = plan.filter(({ topic }) => topic.startsWith(`$share/${policy.group}/`));
    expect(joined.length).toBeGreaterThan(0);
    for (const { topic } of joined) expect(topic.endsWith(`/${PROBE_MODEL}`)).toBe(true);
    expect(policy.group).not.toBe(PROBE_GROUP);
  });

  it('knows every kind of attack, by every role where it makes sense', () => {
    const kinds = new Set(
      plan.filter(({ expected }) => expected === 'denied').map((each) => each.kind),
    );
    expect([...kinds].toSorted()).toEqual([
      'clear',
      'command',
      'login',
      'publish',
      'response-topic',
      'retain',
      'subscribe',
      'take-over',
      'will',
    ]);
    for (const { name } of PROBES) {
      for (const filter of ['#', '+/#', 'echolot/v1/readings/+/+', 'echolot/v1/replies/#']) {
        expect(of(name, 'subscribe', 'denied').map(({ topic }) => topic)).toContain(filter);
      }
      expect(of(name, 'take-over', 'denied').length).toBeGreaterThanOrEqual(PROBES.length - 1);
    }
  });

  it('makes no attempt twice', () => {
    expect(new Set(plan.map(keyOf)).size).toBe(plan.length);
  });
});

describe('the fences', () => {
  it.each(PROBES)('of $name come by two rights at least', ({ name }) => {
    const fences = planFences(universe).get(name) ?? [];
    expect(new Set(fences.map(({ topic }) => topic)).size).toBeGreaterThan(1);
    expect(fences[0]?.topic).not.toMatch(/\/status$/);
  });
});
