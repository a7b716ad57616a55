// The policy and the identities as the JSON of Mosquitto's dynamic-security plugin.
import { ADMINISTRATOR } from './administrator.ts';
import type { IdentityRecord } from './identity.ts';
import { expandRule, type Policy, type Rule } from './policy.ts';
import type { RenderInput } from './rendering.ts';

/** Where the plugin takes commands; what it says to them comes on the topic below. */
export const CONTROL_TOPIC = '$CONTROL/dynamic-security/v1';
export const CONTROL_RESPONSE_TOPIC = `${CONTROL_TOPIC}/response`;

/** One access rule of the plugin, in its own words. */
export interface DynamicSecurityAcl {
  readonly acltype:
    | 'publishClientSend'
    | 'publishClientReceive'
    | 'subscribeLiteral'
    | 'subscribePattern'
    | 'unsubscribeLiteral'
    | 'unsubscribePattern';
  readonly topic: string;
  readonly priority: number;
  readonly allow: boolean;
}

export interface DynamicSecurityRole {
  readonly rolename: string;
  readonly acls: readonly DynamicSecurityAcl[];
}

export interface DynamicSecurityClient {
  readonly username: string;
  /** Binds the username to this client id; left out for predictors, which adopt. */
  readonly clientid?: string;
  readonly password: string;
  readonly salt: string;
  readonly iterations: number;
  readonly roles: readonly { readonly rolename: string; readonly priority: number }[];
}

/** The plugin's file. What no rule allows is denied, delivery included. */
export interface DynamicSecurity {
  readonly defaultACLAccess: {
    readonly publishClientSend: false;
    readonly publishClientReceive: false;
    readonly subscribe: false;
    readonly unsubscribe: true;
  };
  readonly clients: readonly DynamicSecurityClient[];
  readonly groups: readonly never[];
  readonly roles: readonly DynamicSecurityRole[];
}

/**
 * One role for each identity, since the plugin of Mosquitto 2.0 has no placeholder for the username.
 * A shared subscription is allowed to the letter only, because a pattern would also allow one with a
 * wildcard for the model.
 * @param administrator the hash of the password of who may change all this over `$CONTROL`; `null`
 *   leaves it out
 */
export function renderDynamicSecurity(
  { identities, models, policy }: RenderInput,
  administrator: string | null,
): DynamicSecurity {
  return {
    defaultACLAccess: {
      publishClientSend: false,
      publishClientReceive: false,
      subscribe: false,
      unsubscribe: true,
    },
    clients: [
      ...(administrator === null ? [] : [renderClient(ADMINISTRATOR, administrator, true)]),
      ...identities.map(({ name, password, role }) =>
        renderClient(name, password, role !== 'predictor'),
      ),
    ],
    groups: [],
    roles: [
      ...(administrator === null ? [] : [ADMINISTRATOR_ROLE]),
      ...identities.map((identity) => renderRole(policy, identity, models)),
    ],
  };
}

const ADMINISTRATOR_ROLE: DynamicSecurityRole = {
  rolename: dynamicSecurityRole(ADMINISTRATOR),
  acls: [
    allow('publishClientSend', CONTROL_TOPIC),
    allow('subscribeLiteral', CONTROL_RESPONSE_TOPIC),
    allow('publishClientReceive', CONTROL_RESPONSE_TOPIC),
  ],
};

function renderClient(name: string, hash: string, isBound: boolean): DynamicSecurityClient {
  const [, , iterations = '', salt = '', password = ''] = hash.split('$');
  return {
    username: name,
    ...(isBound && { clientid: name }),
    password,
    salt,
    iterations: Number(iterations),
    roles: [{ rolename: dynamicSecurityRole(name), priority: 0 }],
  };
}

function renderRole(
  policy: Policy,
  identity: IdentityRecord,
  models: readonly string[],
): DynamicSecurityRole {
  const limited =
    identity.role === 'predictor' ? { ...identity, models: identity.models ?? models } : identity;
  const acls = policy.rules
    .filter((rule) => rule.role === identity.role)
    .flatMap((rule) =>
      expandRule(policy, limited, rule).flatMap((filter) => renderRule(rule, filter)),
    );
  const distinct = new Map(acls.map((acl) => [`${acl.acltype} ${acl.topic}`, acl]));
  return { rolename: dynamicSecurityRole(identity.name), acls: [...distinct.values()] };
}

function renderRule(rule: Rule, filter: string): DynamicSecurityAcl[] {
  if (rule.verb === 'publish') return [allow('publishClientSend', filter)];
  const delivered = filter.replace(/^\$share\/[^/]+\//, '');
  const subscribe = rule.exact ? 'subscribeLiteral' : 'subscribePattern';
  return [allow(subscribe, filter), allow('publishClientReceive', delivered)];
}

function allow(acltype: DynamicSecurityAcl['acltype'], topic: string): DynamicSecurityAcl {
  return { acltype, topic, priority: 0, allow: true };
}

/** The role of one identity in the plugin. */
export function dynamicSecurityRole(identity: string): string {
  return `echolot-${identity}`;
}
