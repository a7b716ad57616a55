// The rights file of a Mosquitto that serves, held against what is rendered now: every difference, by name.
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import type { DynamicSecurity } from '../render-dynamic-security.ts';

/** One way in which what is deployed is not what would be rendered. */
export interface Difference {
  /**
   * `wider`: it lets through what the policy does not. `narrower`: the other way round. `unknown`: what
   * cannot be compared, and is told, but is no difference.
   */
  readonly kind: 'wider' | 'narrower' | 'other' | 'unknown';
  /** A file, a username or a role of the plugin. */
  readonly where: string;
  /** The topic or line that differs. */
  readonly what: string;
  readonly detail: string;
}

const Assigned = Type.Array(Type.Object({ rolename: Type.String() }));
const RightsSchema = Type.Object({
  defaultACLAccess: Type.Record(Type.String(), Type.Boolean()),
  clients: Type.Array(
    Type.Object({
      username: Type.String(),
      clientid: Type.Optional(Type.String()),
      password: Type.Optional(Type.String()),
      salt: Type.Optional(Type.String()),
      iterations: Type.Optional(Type.Integer()),
      disabled: Type.Optional(Type.Boolean()),
      roles: Type.Optional(Assigned),
    }),
  ),
  groups: Type.Optional(
    Type.Array(
      Type.Object({
        groupname: Type.String(),
        roles: Type.Optional(Assigned),
        clients: Type.Optional(Type.Array(Type.Object({ username: Type.String() }))),
      }),
    ),
  ),
  anonymousGroup: Type.Optional(Type.String()),
  roles: Type.Array(
    Type.Object({
      rolename: Type.String(),
      acls: Type.Optional(
        Type.Array(
          Type.Object({
            acltype: Type.String(),
            topic: Type.String(),
            allow: Type.Boolean(),
          }),
        ),
      ),
    }),
  ),
});
type Rights = Type.Static<typeof RightsSchema>;
const rights = Compile(RightsSchema);

/** Reads a rights file. @returns `null` where the text is none */
export function parseRights(text: string): Rights | null {
  try {
    const content: unknown = JSON.parse(text);
    return rights.Check(content) ? content : null;
  } catch {
    return null;
  }
}

/** Every difference between the rights that are deployed and those that are rendered. Pure. */
export function compareRights(deployed: Rights, rendered: DynamicSecurity): Difference[] {
  return [
    ...compareDefaults(deployed, rendered),
    ...compareGroups(deployed),
    ...compareClients(deployed, rendered),
    ...compareRoles(deployed, rendered),
  ];
}

function compareDefaults(deployed: Rights, rendered: DynamicSecurity): Difference[] {
  const expected: Record<string, boolean> = { ...rendered.defaultACLAccess };
  return Object.entries(expected).flatMap(([what, value]) => {
    const isOpen = deployed.defaultACLAccess[what] ?? false;
    if (isOpen === value) return [];
    const kind = isOpen ? 'wider' : 'narrower';
    const detail = `what no rule names is ${isOpen ? 'allowed' : 'denied'}`;
    return [{ kind, where: 'defaultACLAccess', what, detail } as const];
  });
}

function compareGroups({ anonymousGroup, groups = [] }: Rights): Difference[] {
  const anonymous = anonymousGroup
    ? [
        {
          kind: 'wider',
          where: 'anonymousGroup',
          what: anonymousGroup,
          detail: 'whoever has no credentials has the rights of this group',
        } as const,
      ]
    : [];
  const filled = groups.flatMap(({ groupname, roles = [] }) =>
    roles.map(
      ({ rolename }) =>
        ({
          kind: 'wider',
          where: `group ${groupname}`,
          what: rolename,
          detail: 'its members have this role besides their own',
        }) as const,
    ),
  );
  return [...anonymous, ...filled];
}

function compareClients(deployed: Rights, rendered: DynamicSecurity): Difference[] {
  const expected = new Map(rendered.clients.map((client) => [client.username, client]));
  const there = new Map(deployed.clients.map((client) => [client.username, client]));
  const missing = [...expected.keys()].filter((name) => !there.has(name));
  return [
    ...missing.map((where): Difference => {
      return { kind: 'narrower', where, what: 'client', detail: 'is in the store, not deployed' };
    }),
    ...deployed.clients.flatMap((client): Difference[] => {
      const { clientid, disabled = false, roles = [], username } = client;
      const where = username;
      const known = expected.get(username);
      if (!known) {
        return [{ kind: 'wider', where, what: 'client', detail: 'is deployed, not in the store' }];
      }
      const own = known.roles.map(({ rolename }) => rolename);
      const given = roles.map(({ rolename }) => rolename);
      return [
        ...(clientid === known.clientid ? [] : [boundOtherwise(where, clientid, known.clientid)]),
        ...comparePasswords(where, client, known),
        ...(disabled
          ? [{ kind: 'narrower', where, what: 'client', detail: 'is disabled' } as const]
          : []),
        ...without(given, own).map((what): Difference => {
          return { kind: 'wider', where, what, detail: 'has this role besides its own' };
        }),
        ...without(own, given).map((what): Difference => {
          return { kind: 'narrower', where, what, detail: 'lacks its role' };
        }),
      ];
    }),
  ];
}

interface Hashed {
  readonly password?: string;
  readonly salt?: string;
  readonly iterations?: number;
}

function comparePasswords(where: string, deployed: Hashed, rendered: Hashed): Difference[] {
  const what = 'password';
  if (!deployed.password) return [{ kind: 'narrower', where, what, detail: 'is missing' }];
  // "policy apply" gives passwords to the broker, which hashes them with a salt of its own.
  if (deployed.salt !== rendered.salt) {
    return [{ kind: 'unknown', where, what, detail: 'was hashed by the broker itself' }];
  }
  const isSame =
    deployed.password === rendered.password && deployed.iterations === rendered.iterations;
  return isSame ? [] : [{ kind: 'other', where, what, detail: 'is not that of the store' }];
}

function boundOtherwise(
  where: string,
  id: string | undefined,
  own: string | undefined,
): Difference {
  if (id === undefined) {
    return { kind: 'wider', where, what: 'clientid', detail: 'may take any client id' };
  }
  const detail = own === undefined ? `is bound to the client id ${id}` : `is bound to ${id}`;
  return { kind: own === undefined ? 'narrower' : 'wider', where, what: 'clientid', detail };
}

function compareRoles(deployed: Rights, rendered: DynamicSecurity): Difference[] {
  const there = new Map(deployed.roles.map(({ acls = [], rolename }) => [rolename, acls]));
  const expected = new Map(rendered.roles.map(({ acls, rolename }) => [rolename, acls]));
  // A role that nobody has gives nothing, and who has one besides its own is told above.
  return [...expected].flatMap(([where, acls]) => {
    const own = acls.map(keyOf);
    const given = (there.get(where) ?? []).map(keyOf);
    return [
      ...without(given, own).map((key) => aclDifference(where, key, true)),
      ...without(own, given).map((key) => aclDifference(where, key, false)),
    ];
  });
}

interface Acl {
  readonly acltype: string;
  readonly topic: string;
  readonly allow: boolean;
}

/** One rule as text: `+` or `-`, the kind, the topic. */
function keyOf({ acltype, allow, topic }: Acl): string {
  return `${allow ? '+' : '-'} ${acltype} ${topic}`;
}

function aclDifference(where: string, key: string, isDeployed: boolean): Difference {
  const [sign = '', acltype = '', ...topic] = key.split(' ');
  const isWider = (sign === '+') === isDeployed;
  const verb = sign === '+' ? 'allows' : 'denies';
  return {
    kind: isWider ? 'wider' : 'narrower',
    where,
    what: topic.join(' '),
    detail: isDeployed ? `${verb} this ${acltype}, unlike the policy` : `lacks this ${acltype}`,
  };
}

function without(some: readonly string[], others: readonly string[]): string[] {
  return some.filter((each) => !others.includes(each));
}
