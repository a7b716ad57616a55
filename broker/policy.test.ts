// The policy as a table of who may do what, and as properties that hold for any topic.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matchesFilter } from '../schemas/filters.ts';
import { createPolicy, decide, mayBeRetained, type Principal, ROLES, type Verb } from './policy.ts';

const policy = createPolicy({ namespace: 'echolot', group: 'predictors' });
const dev: Principal = { name: 'dev-1', role: 'client' };
const edge: Principal = { name: 'edge-1', role: 'predictor' };
const limited: Principal = { name: 'edge-2', role: 'predictor', models: ['sonar', 'radar'] };
const operator: Principal = { name: 'op', role: 'operator' };
const registrar: Principal = { name: 'reg', role: 'registrar' };
const everybody = [dev, edge, limited, operator, registrar];

const R = 'echolot/v1';
const SHARE = `$share/predictors/${R}`;

/** topic or filter, verb, and who is allowed: everybody else is denied. */
const TABLE: [Verb, string, Principal[]][] = [
  ['publish', `${R}/readings/dev-1/sonar`, [dev]],
  ['publish', `${R}/readings/dev-2/sonar`, []],
  ['publish', `${R}/readings/dev-1`, []],
  ['publish', `${R}/readings/dev-1/sonar/x`, []],
  ['publish', `${R}/readings/edge-1/self-check`, [edge]],
  ['publish', `${R}/readings/edge-1/sonar`, []],
  ['publish', `${R}/truth/dev-1/sonar`, [dev, operator]],
  ['publish', `${R}/truth/dev-2/sonar`, [operator]],
  ['publish', `${R}/replies/dev-1/sonar`, [edge, limited]],
  ['publish', `${R}/replies/dev-1/lidar`, [edge]],
  ['publish', `${R}/replies/dev-1/sonar/x`, []],
  ['publish', `${R}/replies/edge-2/self-check`, [edge, limited]],
  ['publish', `${R}/agents/edge-1/status`, [edge]],
  ['publish', `${R}/agents/edge-1/adopting`, [edge]],
  ['publish', `${R}/agents/edge-2/stats`, [limited]],
  ['publish', `${R}/agents/dev-1/status`, []],
  ['publish', `${R}/models/sonar/manifest`, [registrar]],
  ['publish', `${R}/scores/r-1/sonar`, [edge, limited]],
  ['publish', `${R}/scores/r-1/lidar`, [edge]],
  ['publish', `${R}/drift/sonar`, [edge, limited]],
  ['publish', `${R}/control/edge-1/request`, [operator]],
  ['publish', `${R}/control/edge-1/reply`, []],
  ['publish', `other/v1/readings/dev-1/sonar`, []],
  ['publish', '$SYS/broker/x', []],
  ['publish', '$CONTROL/dynamic-security/v1', []],
  ['publish', `${SHARE}/readings/dev-1/sonar`, []],
  ['publish', `${R}/readings/dev-1/+`, []],
  ['publish', `${R}/readings/dev-1/a\0`, []],
  ['publish', '', []],
  ['subscribe', '#', []],
  ['subscribe', '+/v1/replies/dev-1/sonar', []],
  ['subscribe', 'echolot/#', [operator]],
  ['subscribe', `${R}/+/#`, [operator]],
  ['subscribe', '$SYS/#', [operator]],
  ['subscribe', '$SYS/+/new/clients', [operator]],
  ['subscribe', `${R}/replies/dev-1/+`, [dev, operator]],
  ['subscribe', `${R}/replies/dev-1/sonar`, [dev, operator]],
  ['subscribe', `${R}/replies/dev-1/#`, [operator]],
  ['subscribe', `${R}/replies/+/+`, [operator]],
  ['subscribe', `${R}/replies/dev-2/sonar`, [operator]],
  ['subscribe', `${R}/replies/edge-1/self-check`, [edge, operator]],
  ['subscribe', `${SHARE}/readings/+/self-check`, []],
  ['subscribe', `${R}/readings/+/sonar`, [operator, registrar]],
  ['subscribe', `${R}/readings/edge-1/self-check`, [edge, operator, registrar]],
  ['subscribe', `${R}/agents/+/status`, everybody],
  ['subscribe', `${R}/agents/edge-1/status`, everybody],
  ['subscribe', `${R}/agents/+/stats`, [operator]],
  ['subscribe', `${R}/agents/+/+`, [operator]],
  ['subscribe', `${R}/agents/+/adopting`, [edge, limited, operator]],
  ['subscribe', `${R}/models/#`, [edge, limited, operator, registrar]],
  ['subscribe', `${R}/control/edge-1/#`, [edge, operator]],
  ['subscribe', `${SHARE}/readings/+/sonar`, [edge, limited]],
  ['subscribe', `${SHARE}/readings/+/lidar`, [edge]],
  ['subscribe', `${SHARE}/readings/+/self-check`, []],
  ['subscribe', `${SHARE}/readings/+/+`, []],
  ['subscribe', `${SHARE}/readings/+/#`, []],
  ['subscribe', `${SHARE}/readings/dev-1/sonar`, []],
  ['subscribe', `${SHARE}/#`, []],
  ['subscribe', `$share/others/${R}/readings/+/sonar`, []],
  ['subscribe', `$share/op/${R}/replies/+/+`, []],
  ['subscribe', `${R}/readings/dev-1/a#`, []],
  ['subscribe', '', []],
  ['receive', `${R}/replies/dev-1/sonar`, [dev, operator]],
  ['receive', `${R}/replies/dev-2/sonar`, [operator]],
  ['receive', `${R}/readings/dev-1/sonar`, [operator, registrar]],
  ['receive', `${SHARE}/readings/dev-1/sonar`, [edge, limited]],
  ['receive', `${SHARE}/readings/dev-1/lidar`, [edge]],
  ['receive', `${R}/agents/edge-1/status`, everybody],
  ['receive', '$SYS/broker/new/clients', [operator]],
];

describe('the policy', () => {
  it.each(TABLE)('on %s %s allows only whom the table names', (verb, topic, allowed) => {
    const names = everybody.filter((who) => decide(policy, who, verb, topic).allowed);
    expect(names.map(({ name }) => name)).toEqual(allowed.map(({ name }) => name));
  });

  it('names the rule that allows and says why nothing does', () => {
    expect(decide(policy, dev, 'publish', `${R}/readings/dev-1/sonar`)).toMatchObject({
      allowed: true,
      rule: 'client publish {root}/readings/{self}/+',
    });
    expect(decide(policy, dev, 'publish', 'x')).toEqual({
      allowed: false,
      rule: null,
      reason: 'no rule lets a client publish this',
    });
  });

  it('allows nothing to a username that is no name, not even of itself', () => {
    for (const name of ['+', '#', 'a/b', '', '{model}']) {
      const who: Principal = { name, role: 'client' };
      for (const verb of ['publish', 'subscribe', 'receive'] as const) {
        expect(decide(policy, who, verb, `${R}/readings/${name}/sonar`).allowed).toBe(false);
        expect(decide(policy, who, verb, `${R}/replies/${name}/sonar`).allowed).toBe(false);
        expect(decide(policy, who, verb, `${R}/agents/edge-1/status`).allowed).toBe(false);
      }
    }
  });

  it('follows namespace and group', () => {
    const other = createPolicy({ namespace: 'site-a', group: 'g2' });
    expect(decide(other, dev, 'publish', 'site-a/v1/readings/dev-1/sonar').allowed).toBe(true);
    expect(decide(other, dev, 'publish', `${R}/readings/dev-1/sonar`).allowed).toBe(false);
    const share = '$share/g2/site-a/v1/readings/+/sonar';
    expect(decide(other, edge, 'subscribe', share).allowed).toBe(true);
  });

  it('keeps readings and replies from being retained', () => {
    expect(mayBeRetained(policy, `${R}/agents/edge-1/status`)).toBe(true);
    expect(mayBeRetained(policy, `${R}/readings/dev-1/sonar`)).toBe(false);
    expect(mayBeRetained(policy, `${R}/replies/dev-1/sonar`)).toBe(false);
  });

  const level = fc.constantFrom(
    'echolot',
    'v1',
    'readings',
    'replies',
    'dev-1',
    'dev-2',
    'sonar',
    '+',
    '#',
    '$SYS',
    '$share',
    'predictors',
    '',
  );
  const anyTopic = fc
    .array(level, { minLength: 1, maxLength: 7 })
    .map((levels) => levels.join('/'));
  const anybody = fc.record({
    name: fc.constantFrom('dev-1', 'dev-2', 'edge-1', 'sonar'),
    role: fc.constantFrom(...ROLES),
  });

  it('grants a subscription only where every topic that it matches may be received', () => {
    fc.assert(
      fc.property(anybody, anyTopic, anyTopic, (who, filter, topic) => {
        if (!decide(policy, who, 'subscribe', filter).allowed) return;
        if (/[+#]/.test(topic) || topic === '' || !matchesFilter(filter, topic)) return;
        expect(decide(policy, who, 'receive', topic).allowed).toBe(true);
      }),
      { numRuns: 5000 },
    );
  });

  it('lets nobody but the client itself write its readings, and clients nothing else', () => {
    fc.assert(
      fc.property(anybody, anyTopic, (who, topic) => {
        const { allowed } = decide(policy, who, 'publish', topic);
        if (!allowed) return;
        const [namespace, version, kind, name] = topic.split('/');
        expect([namespace, version]).toEqual(['echolot', 'v1']);
        if (kind === 'readings') expect(name).toBe(who.name);
        if (who.role === 'client') expect(kind).toBe('readings');
      }),
      { numRuns: 5000 },
    );
  });
});
