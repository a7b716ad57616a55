import { describe, expect, it } from 'vitest';
import { createPolicy } from './policy.ts';
import { explain, policyRows } from './policy-table.ts';

const policy = createPolicy({ namespace: 'sea', group: 'g' });

describe('the table of the policy', () => {
  it('has a row per rule, with the namespace and the group filled in', () => {
    const rows = policyRows(policy);
    expect(rows).toHaveLength(policy.rules.length);
    expect(rows[0]).toEqual({
      role: 'client',
      verb: 'publish',
      filter: 'sea/v1/readings/{self}/+',
    });
    const filters = rows.map(({ filter }) => filter);
    expect(filters).toContain('$share/g/sea/v1/readings/+/{model}');
    expect(filters).toContain('sea/#');
    expect(filters.join()).not.toMatch(/\{(root|namespace|group)\}/);
  });
});

describe('an explanation', () => {
  it('names the rule that allows', () => {
    const dev = { name: 'dev-1', role: 'client' } as const;
    expect(explain(policy, dev, 'publish', 'sea/v1/readings/dev-1/sonar')).toEqual({
      allowed: true,
      text: 'dev-1 (client) may publish sea/v1/readings/dev-1/sonar: allowed by the rule "client publish {root}/readings/{self}/+"',
    });
  });

  it('says that no rule allows', () => {
    const edge = { name: 'edge-1', role: 'predictor', models: ['radar'] } as const;
    expect(explain(policy, edge, 'subscribe', '$share/g/sea/v1/readings/+/sonar')).toEqual({
      allowed: false,
      text: 'edge-1 (predictor) may not subscribe $share/g/sea/v1/readings/+/sonar: no rule lets a predictor subscribe this',
    });
  });
});
