// What the probe identities may do: their role's rights, but on topics of theirs alone.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createPolicy, decide, expandRule, type Principal, type Verb } from './policy.ts';
import { PROBE_GROUP, PROBE_MODEL, PROBES, probeRole } from './probes.ts';

const policy = createPolicy();
const R = 'echolot/v1';
const SHARE = `$share/${PROBE_GROUP}/${R}/readings/+/${PROBE_MODEL}`;

function probe(role: string): Principal {
  const found = PROBES.find((each) => each.role === role);
  if (!found) throw new Error(`no probe is a ${role}`);
  return found;
}

const ALLOWED: [string, Verb, string][] = [
  ['client', 'publish', `${R}/readings/policy-probe-client-1/policy-probe`],
  ['client', 'publish', `${R}/truth/policy-probe-client-1/policy-probe`],
  ['client', 'subscribe', `${R}/replies/policy-probe-client-1/+`],
  ['predictor', 'publish', `${R}/replies/policy-probe-client-2/policy-probe`],
  ['predictor', 'subscribe', SHARE],
  ['predictor', 'subscribe', `${R}/models/policy-probe/#`],
  ['operator', 'subscribe', `${R}/+/policy-probe-client-1/#`],
  ['operator', 'subscribe', `${R}/replies/+/policy-probe`],
  ['operator', 'publish', `${R}/control/policy-probe-predictor/request`],
  ['registrar', 'publish', `${R}/models/policy-probe/manifest`],
  ['registrar', 'subscribe', `${R}/readings/+/policy-probe`],
];

const DENIED: [string, Verb, string][] = [
  ['client', 'publish', `${R}/readings/policy-probe-client-1/sonar`],
  ['client', 'publish', `${R}/readings/policy-probe-client-2/policy-probe`],
  ['predictor', 'publish', `${R}/replies/dev-1/sonar`],
  ['predictor', 'publish', `${R}/replies/dev-1/policy-probe`],
  ['predictor', 'subscribe', `$share/predictors/${R}/readings/+/sonar`],
  ['predictor', 'subscribe', `$share/predictors/${R}/readings/+/policy-probe`],
  ['predictor', 'subscribe', `$share/${PROBE_GROUP}/${R}/readings/+/sonar`],
  ['operator', 'subscribe', 'echolot/#'],
  ['operator', 'subscribe', `${R}/replies/+/+`],
  ['operator', 'publish', `${R}/control/edge-1/request`],
  ['registrar', 'publish', `${R}/models/sonar/manifest`],
  ['registrar', 'subscribe', `${R}/readings/#`],
];

describe('a probe', () => {
  it.each(ALLOWED)('that is a %s may %s %s', (role, verb, topic) => {
    expect(decide(policy, probe(role), verb, topic).allowed).toBe(true);
  });

  it.each(DENIED)('that is a %s may not %s %s', (role, verb, topic) => {
    expect(decide(policy, probe(role), verb, topic).allowed).toBe(false);
  });

  it('has something in the place of every right of its role', () => {
    for (const each of PROBES) {
      for (const rule of policy.rules.filter(({ role }) => role === each.role)) {
        const filters = expandRule(policy, each, rule);
        expect(filters.length).toBeGreaterThan(0);
        expect(filters.join()).not.toMatch(/[{}]/);
      }
    }
  });

  it('reaches no topic of a reading, a reply or a model that is not of the probes', () => {
    const kind = fc.constantFrom(
      'readings',
      'replies',
      'truth',
      'scores',
      'work',
      'models',
      'control',
    );
    const live = fc.constantFrom('dev-1', 'edge-1', 'sonar', 'self-check', 'policy-probe-client');
    const topics = fc.tuple(kind, live, live).map((levels) => [R, ...levels].join('/'));
    const share = fc.constantFrom('', '$share/predictors/', `$share/${PROBE_GROUP}/`);
    fc.assert(
      fc.property(fc.constantFrom(...PROBES), topics, share, (who, topic, group) => {
        expect(decide(policy, who, 'publish', topic).allowed).toBe(false);
        expect(decide(policy, who, 'receive', group + topic).allowed).toBe(false);
      }),
      { numRuns: 2000 },
    );
  });

  it('is known by its name', () => {
    expect(probeRole('policy-probe-operator')).toBe('operator');
    expect(probeRole('dev-1')).toBeNull();
  });
});
