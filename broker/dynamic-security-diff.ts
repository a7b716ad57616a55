// What must be told to a running dynamic-security plugin, so that it holds what would be rendered.
import type {
  DynamicSecurity,
  DynamicSecurityAcl,
  DynamicSecurityClient,
  DynamicSecurityRole,
} from './render-dynamic-security.ts';
import { dynamicSecurityRole } from './render-dynamic-security.ts';

/** What the plugin says of itself; it never tells a password. */
export interface Deployed {
  readonly defaultACLAccess: Readonly<Record<string, boolean>>;
  readonly clients: readonly DeployedClient[];
  readonly roles: readonly DynamicSecurityRole[];
}

export interface DeployedClient {
  readonly username: string;
  readonly clientid?: string;
  readonly disabled?: boolean;
  readonly roles: readonly { readonly rolename: string }[];
  readonly groups: readonly unknown[];
}

/** A command of the plugin, and what a person reads of it. */
export interface Change {
  readonly command: { readonly command: string; readonly [field: string]: unknown };
  readonly text: string;
  /** What it changes, a line each. */
  readonly details: readonly string[];
}

export interface Difference {
  /** In the order in which they are to be told: what takes rights away comes first. */
  readonly changes: readonly Change[];
  /** What a person should know, and no command changes. */
  readonly notes: readonly string[];
}

/**
 * Compares. Clients and roles that Echolot did not make are left alone, and noted.
 * @param wanted what would be rendered
 * @param passwords by name; the plugin takes no hash, so a new identity without one cannot log in by
 *   password, and one that is there already gets the one given here
 */
export function diffDynamicSecurity(
  wanted: DynamicSecurity,
  deployed: Deployed,
  passwords: ReadonlyMap<string, string>,
): Difference {
  const wantedClients = new Map(wanted.clients.map((client) => [client.username, client]));
  const wantedRoles = new Map(wanted.roles.map((role) => [role.rolename, role]));
  const deployedClients = new Map(deployed.clients.map((client) => [client.username, client]));
  const deployedRoles = new Map(deployed.roles.map((role) => [role.rolename, role]));
  const gone = deployed.clients.filter(
    (client) => isOurs(client) && !wantedClients.has(client.username),
  );
  const goneRoles = new Set(gone.map(({ username }) => dynamicSecurityRole(username)));
  const strangers = deployed.clients.filter(
    (client) => !isOurs(client) && !wantedClients.has(client.username),
  );
  const changes = [
    ...diffDefaults(wanted, deployed),
    ...gone.map(({ username }) => change({ command: 'deleteClient', username })),
    ...[...goneRoles]
      .filter((rolename) => deployedRoles.has(rolename) && !wantedRoles.has(rolename))
      .map((rolename) => change({ command: 'deleteRole', rolename })),
    ...wanted.roles.flatMap((role) => diffRole(role, deployedRoles.get(role.rolename))),
    ...wanted.clients.flatMap((client) =>
      diffClient(client, deployedClients.get(client.username), passwords.get(client.username)),
    ),
  ];
  const mute = wanted.clients
    .map(({ username }) => username)
    .filter((name) => !deployedClients.has(name) && !passwords.has(name));
  const disabled = deployed.clients.filter((client) => client.disabled && isOurs(client));
  return {
    changes,
    notes: [
      ...mute.map(
        (name) =>
          `${name} has no password on the broker, which takes no hash: it can log in by certificate, or give its password with --passwords`,
      ),
      ...disabled.map(({ username }) => `${username} is disabled on the broker, and stays so`),
      ...strangers.map(({ username }) => `${username} is not of this store, and is left alone`),
    ],
  };
}

function isOurs({ roles, username }: DeployedClient): boolean {
  return roles.some(({ rolename }) => rolename === dynamicSecurityRole(username));
}

function diffDefaults(wanted: DynamicSecurity, deployed: Deployed): Change[] {
  const acls = Object.entries(wanted.defaultACLAccess)
    .filter(([acltype, allow]) => deployed.defaultACLAccess[acltype] !== allow)
    .map(([acltype, allow]) => ({ acltype, allow }));
  if (acls.length === 0) return [];
  const shown = acls.map(({ acltype, allow }) => `${acltype} ${allow ? 'allow' : 'deny'}`);
  return [change({ command: 'setDefaultACLAccess', acls }, shown)];
}

function diffRole(wanted: DynamicSecurityRole, deployed?: DynamicSecurityRole): Change[] {
  const { acls, rolename } = wanted;
  if (!deployed) {
    const all = acls.map((acl) => `+ ${show(acl)}`);
    return [change({ command: 'createRole', rolename, acls }, all)];
  }
  const before = new Map(deployed.acls.map((acl) => [keyOf(acl), acl]));
  const after = new Map(acls.map((acl) => [keyOf(acl), acl]));
  const shown = [
    ...[...before].filter(([key]) => !after.has(key)).map(([, acl]) => `- ${show(acl)}`),
    ...[...after].filter(([key]) => !before.has(key)).map(([, acl]) => `+ ${show(acl)}`),
  ];
  if (shown.length === 0) return [];
  return [change({ command: 'modifyRole', rolename, acls }, shown)];
}

function diffClient(
  wanted: DynamicSecurityClient,
  deployed: DeployedClient | undefined,
  password: string | undefined,
): Change[] {
  const { clientid, roles, username } = wanted;
  const bound = clientid === undefined ? {} : { clientid };
  const secret = password === undefined ? {} : { password };
  const how = password === undefined ? 'without a password' : 'with its password';
  if (!deployed)
    return [change({ command: 'createClient', username, ...bound, ...secret, roles }, [how])];
  const changes: Change[] = [];
  const names = deployed.roles.map(({ rolename }) => rolename);
  const isSame =
    names.length === roles.length && roles.every((role) => names.includes(role.rolename));
  if (!isSame || deployed.groups.length > 0) {
    changes.push(change({ command: 'modifyClient', username, roles, groups: [] }));
  }
  if (deployed.clientid !== clientid) {
    const shown = clientid === undefined ? 'any client id' : `client id ${clientid}`;
    changes.push(change({ command: 'setClientId', username, ...bound }, [shown]));
  }
  if (password !== undefined) {
    changes.push(change({ command: 'setClientPassword', username, password }));
  }
  return changes;
}

function change(command: Change['command'], details: readonly string[] = []): Change {
  const { rolename, username } = command as { rolename?: string; username?: string };
  const words = [command.command, username ?? rolename].filter((word) => word !== undefined);
  return { command, text: words.join(' '), details };
}

function keyOf({ acltype, allow, priority, topic }: DynamicSecurityAcl): string {
  return JSON.stringify([acltype, topic, priority, allow]);
}

function show({ acltype, allow, topic }: DynamicSecurityAcl): string {
  return `${allow ? '' : 'deny '}${acltype} ${topic}`;
}
