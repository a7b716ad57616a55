// The file of custom roles and extra rules: what it gives, and what is refused of it.
import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { createPolicy, decide, expandRule } from './policy.ts';
import { parsePolicyFile, readPolicyFile } from './policy-file.ts';
import { PROBES } from './probes.ts';

const AUDITOR = {
  version: 1,
  roles: [{ name: 'auditor', description: 'reads every answer' }],
  rules: [
    { role: 'auditor', verb: 'receive', filter: '{root}/replies/+/+' },
    { role: 'auditor', verb: 'publish', filter: '{root}/alerts/{self}' },
    { role: 'client', verb: 'receive', filter: 'site/weather/#' },
  ],
};
const parse = (content: unknown) => parsePolicyFile(JSON.stringify(content), 'extra.json');

const AGAINST_SCHEMA: { content: unknown; why: string }[] = [
  { content: [], why: 'the file' },
  { content: { version: 2, rules: [] }, why: '/version' },
  { content: { version: 1 }, why: 'rules' },
  { content: { ...AUDITOR, more: 1 }, why: '/more' },
  { content: { ...AUDITOR, roles: [{ name: 'a/b' }] }, why: '/roles/0/name' },
  { content: { version: 1, rules: [{ role: 'client', verb: 'eat', filter: 'a' }] }, why: 'verb' },
  { content: { version: 1, rules: [{ role: 'client', verb: 'publish' }] }, why: 'filter' },
];

const schema: object = JSON.parse(
  readFileSync(new URL('../schemas/json-schema/policy-file.schema.json', import.meta.url), 'utf8'),
);

describe('a policy file', () => {
  const policy = createPolicy({ extension: parse(AUDITOR) });

  it.each([
    ['aud-1', 'auditor', 'subscribe', 'echolot/v1/replies/+/+', true],
    ['aud-1', 'auditor', 'receive', 'echolot/v1/replies/dev-1/sonar', true],
    ['aud-1', 'auditor', 'publish', 'echolot/v1/alerts/aud-1', true],
    ['aud-1', 'auditor', 'publish', 'echolot/v1/alerts/aud-2', false],
    ['aud-1', 'auditor', 'subscribe', 'echolot/v1/readings/+/+', false],
    ['aud-1', 'auditor', 'publish', 'echolot/v1/replies/dev-1/sonar', false],
    ['dev-1', 'client', 'subscribe', 'site/weather/wind', true],
    ['dev-1', 'client', 'publish', 'echolot/v1/readings/dev-1/sonar', true],
    ['op-1', 'operator', 'subscribe', 'site/weather/wind', false],
  ] as const)('lets %s (%s) %s %s: %s', (name, role, verb, topic, allowed) => {
    expect(decide(policy, { name, role }, verb, topic).allowed).toBe(allowed);
  });

  it('adds its roles to the built-in ones', () => {
    expect(policy.roles).toEqual(['client', 'predictor', 'operator', 'registrar', 'auditor']);
  });

  it('gives nothing to the probes', () => {
    const [probe] = PROBES;
    const [extra] = policy.rules.filter(({ filter }) => filter === 'site/weather/#');
    if (!extra) throw new Error('the rule is lost');
    expect(expandRule(policy, probe, extra)).toEqual([]);
  });

  it('follows its committed JSON Schema', () => {
    const check = new Ajv2020({ strict: false }).compile(schema);
    expect(check(AUDITOR)).toBe(true);
    for (const { content } of AGAINST_SCHEMA)
      expect([content, check(content)]).toEqual([content, false]);
  });

  it.each(AGAINST_SCHEMA)('against the schema is refused: $why', ({ content, why }) => {
    expect(() => parse(content)).toThrow(why);
  });

  it.each([
    ['{root}/x/#', { role: 'nobody' }, 'there is no role nobody'],
    ['#', {}, 'would open every namespace'],
    ['+/v1/replies/#', {}, 'would open every namespace'],
    ['{root}/replies/#/x', {}, 'is no topic filter'],
    ['{root}/replies/a+', {}, 'is no topic filter'],
    ['{root}/{client}/x', {}, '"{client}" is no placeholder'],
    ['{root}/a}', {}, '"}" is no placeholder'],
    ['{root}/a\nuser evil', {}, 'control characters'],
    ['$share/g/{root}/readings/+/sonar', {}, 'only predictors'],
    ['$CONTROL/#', {}, "the broker's own"],
    ['$SYS/#', { verb: 'publish' }, "the broker's own"],
  ])('is refused for the filter %j %j', (filter, more, why) => {
    const rule = { role: 'client', verb: 'receive', filter, ...more };
    const read = () => parse({ version: 1, rules: [AUDITOR.rules[2], rule] });
    expect(read).toThrow(`extra.json: /rules/1: `);
    expect(read).toThrow(why);
  });

  it.each(['operator', 'auditor'])('is refused for a second role %s', (name) => {
    const roles = [{ name: 'auditor' }, { name }];
    expect(() => parse({ ...AUDITOR, roles })).toThrow(`/roles/1: there is a role ${name} already`);
  });

  it('that is no JSON, or not there, says so', async () => {
    expect(() => parsePolicyFile('{', 'extra.json')).toThrow('extra.json is not JSON');
    const reading = readPolicyFile('/nowhere/extra.json');
    await expect(reading).rejects.toThrow('/nowhere/extra.json cannot be read (ENOENT)');
    await expect(reading).rejects.toMatchObject({ code: 'POLICY_FILE_INVALID', exitCode: 78 });
  });
});
