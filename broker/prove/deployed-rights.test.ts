import { describe, expect, it } from 'vitest';
import { createPolicy } from '../policy.ts';
import { type DynamicSecurity, renderDynamicSecurity } from '../render-dynamic-security.ts';
import { compareRights, type Difference, parseRights } from './deployed-rights.ts';

const HASH = `$7$1000$${'A'.repeat(16)}$${'A'.repeat(86)}==`;
const IDENTITIES = [
  { name: 'dev-1', role: 'client', password: HASH },
  { name: 'edge-1', role: 'predictor', password: HASH },
  { name: 'op', role: 'operator', password: HASH },
];
const rendered = renderDynamicSecurity(
  { policy: createPolicy(), identities: IDENTITIES, models: ['sonar'] },
  HASH,
);
type Deployed = NonNullable<ReturnType<typeof parseRights>>;

function compare(change: (deployed: Deployed) => unknown): Difference[] {
  const deployed = parse(rendered);
  change(deployed);
  return compareRights(deployed, rendered);
}

function parse(rights: DynamicSecurity): Deployed {
  const deployed = parseRights(JSON.stringify(rights));
  if (!deployed) throw new Error('what is rendered is no file of rights');
  return deployed;
}

const everyRule = rendered.roles.flatMap(({ acls, rolename }, role) =>
  acls.map(({ acltype, topic }, acl) => ({ acl, acltype, role, rolename, topic })),
);

describe('rights that are deployed', () => {
  it('are no different where they are what is rendered, in any order', () => {
    const turn = (deployed: Deployed) => {
      deployed.roles.reverse();
      deployed.clients.reverse();
      for (const { acls } of deployed.roles) acls?.reverse();
      deployed.groups = [];
    };
    expect(compare(() => undefined)).toEqual([]);
    expect(compare(turn)).toEqual([]);
  });

  it.each(everyRule)('that lack $acltype $topic of $rolename are narrower', (rule) => {
    const differences = compare(({ roles }) => void roles[rule.role]?.acls?.splice(rule.acl, 1));
    expect(differences).toEqual([
      {
        kind: 'narrower',
        where: rule.rolename,
        what: rule.topic,
        detail: `lacks this ${rule.acltype}`,
      },
    ]);
  });

  it.each(everyRule)('that widen $acltype $topic of $rolename say so', (rule) => {
    const differences = compare(({ roles }) => {
      const acl = roles[rule.role]?.acls?.[rule.acl];
      if (acl) acl.topic = 'wider/#';
    });
    expect(differences).toContainEqual(
      expect.objectContaining({ kind: 'wider', where: rule.rolename, what: 'wider/#' }),
    );
    expect(differences).toContainEqual(
      expect.objectContaining({ kind: 'narrower', where: rule.rolename, what: rule.topic }),
    );
  });

  type Change = [string, (deployed: Deployed) => unknown, Partial<Difference>];
  const client = ({ clients }: Deployed, name: string) => {
    const found = clients.find(({ username }) => username === name);
    if (!found) throw new Error(`${name} is not there`);
    return found;
  };
  it.each<Change>([
    [
      'a default that is open',
      (each) => Object.assign(each.defaultACLAccess, { publishClientReceive: true }),
      { kind: 'wider', what: 'publishClientReceive' },
    ],
    [
      'a default that is closed',
      (each) => Object.assign(each.defaultACLAccess, { unsubscribe: false }),
      { kind: 'narrower', what: 'unsubscribe' },
    ],
    [
      'a client who was removed',
      (each) => void each.clients.push({ username: 'gone' }),
      { kind: 'wider', where: 'gone' },
    ],
    [
      'a client who is missing',
      (each) => void each.clients.pop(),
      { kind: 'narrower', where: 'op' },
    ],
    [
      'a client who may take any id',
      (each) => void delete client(each, 'dev-1').clientid,
      { kind: 'wider', where: 'dev-1', what: 'clientid' },
    ],
    [
      'a predictor who is bound',
      (each) => Object.assign(client(each, 'edge-1'), { clientid: 'edge-1' }),
      { kind: 'narrower', where: 'edge-1' },
    ],
    [
      'another password',
      (each) => Object.assign(client(each, 'dev-1'), { password: 'other' }),
      { kind: 'other', where: 'dev-1', what: 'password' },
    ],
    [
      'a password that the broker hashed',
      (each) => Object.assign(client(each, 'dev-1'), { password: 'other', salt: 'other' }),
      { kind: 'unknown', where: 'dev-1', what: 'password' },
    ],
    [
      'no password',
      (each) => Object.assign(client(each, 'dev-1'), { password: '' }),
      { kind: 'narrower', where: 'dev-1', what: 'password' },
    ],
    [
      'a client who is disabled',
      (each) => Object.assign(client(each, 'dev-1'), { disabled: true }),
      { kind: 'narrower', where: 'dev-1' },
    ],
    [
      "a role of somebody else's",
      (each) => void client(each, 'dev-1').roles?.push({ rolename: 'echolot-op' }),
      { kind: 'wider', where: 'dev-1', what: 'echolot-op' },
    ],
    [
      'a role that is missing',
      (each) => Object.assign(client(each, 'dev-1'), { roles: [] }),
      { kind: 'narrower', where: 'dev-1', what: 'echolot-dev-1' },
    ],
    [
      'a group with a role',
      (each) =>
        Object.assign(each, {
          groups: [{ groupname: 'all', roles: [{ rolename: 'echolot-op' }], clients: [] }],
        }),
      { kind: 'wider', where: 'group all', what: 'echolot-op' },
    ],
    [
      'a group for the nameless',
      (each) => Object.assign(each, { anonymousGroup: 'all' }),
      { kind: 'wider', where: 'anonymousGroup', what: 'all' },
    ],
    [
      'a denial',
      ({ roles }) =>
        void roles[1]?.acls?.push({ acltype: 'publishClientSend', topic: 'a/b', allow: false }),
      { kind: 'narrower', what: 'a/b' },
    ],
  ])('with %s differ in that alone', (_, change, difference) => {
    expect(compare(change)).toEqual([expect.objectContaining(difference)]);
  });
});

describe('a file of rights', () => {
  it.each(['', '{', '[]', '{"roles":[]}', '{"defaultACLAccess":{},"clients":[1],"roles":[]}'])(
    'that holds %j is none',
    (text) => {
      expect(parseRights(text)).toBeNull();
    },
  );
});
