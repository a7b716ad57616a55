// The one policy: which role may publish and receive what, as rows of data, and the decision over them.
import { coversFilter, isTopicFilter, isTopicName } from '../schemas/filters.ts';
import { DEFAULT_GROUP, DEFAULT_NAMESPACE, isName, SELF_CHECK_MODEL } from '../schemas/names.ts';
import { RULES } from './policy-rules.ts';
import { PROBE_GROUP, PROBE_MODEL, PROBES, probeRole } from './probes.ts';

export const ROLES = ['client', 'predictor', 'operator', 'registrar'] as const;
/** One of `ROLES`, or one of a policy file. */
export type Role = string;

/** `subscribe` asks for a filter, `receive` for one topic that is about to be delivered. */
export type Verb = 'publish' | 'subscribe' | 'receive';

/** Who asks: an identity of the store. */
export interface Principal {
  readonly name: string;
  readonly role: Role;
  /** A predictor's right may be limited to these models. */
  readonly models?: readonly string[] | undefined;
}

/**
 * One right. Placeholders: `{namespace}`, `{root}` (namespace and version), `{group}`, `{self}` (the
 * username) and `{model}` (one level: any model, or only those of the identity).
 * What may be received may be subscribed to, as it stands or narrower.
 */
export interface Rule {
  readonly role: Role;
  readonly verb: 'publish' | 'receive';
  readonly filter: string;
  /** A subscription must be this very filter: a narrower one would be a second share of its own. */
  readonly exact?: boolean;
  /**
   * What a probe identity has in its place, so that it cannot touch a live reading; `{probe}` is any
   * probe. Default: the filter. `{group}` and `{model}` are always the probes' own for a probe.
   */
  readonly probes?: readonly string[];
}

/** What a policy file adds. */
export interface PolicyExtension {
  readonly roles: readonly Role[];
  readonly rules: readonly Rule[];
}

export interface Policy {
  readonly namespace: string;
  readonly group: string;
  readonly roles: readonly Role[];
  readonly rules: readonly Rule[];
  /** What is never stored as retained, whoever publishes it. */
  readonly unretained: readonly string[];
}

export interface Decision {
  readonly allowed: boolean;
  /** The row that allows, as `role verb filter`; `null` where nothing does. */
  readonly rule: string | null;
  /** One sentence for a log or a person. */
  readonly reason: string;
}

/** The policy of a namespace and a share group, with what a file adds. */
export function createPolicy(
  options: {
    readonly namespace?: string;
    readonly group?: string;
    readonly extension?: PolicyExtension | undefined;
  } = {},
): Policy {
  const { extension, namespace = DEFAULT_NAMESPACE, group = DEFAULT_GROUP } = options;
  const unretained = ['readings', 'replies'].map((kind) => `${namespace}/v1/${kind}/#`);
  const roles = [...ROLES, ...(extension?.roles ?? [])];
  return { namespace, group, roles, rules: [...RULES, ...(extension?.rules ?? [])], unretained };
}

/** True where a retained message on this topic may be stored; elsewhere it is only passed on. */
export function mayBeRetained(policy: Policy, topic: string): boolean {
  return !policy.unretained.some((filter) => coversFilter(filter, topic));
}

/**
 * Decides one request. Total; what no rule allows is denied.
 * @param topic for `publish` and `receive` a topic (a shared delivery is asked as
 *   `$share/{group}/{topic}`, since the plain topic is another right), for `subscribe` a filter
 */
export function decide(policy: Policy, principal: Principal, verb: Verb, topic: string): Decision {
  if (!isName(principal.name)) return deny('the username is no name');
  const wellFormed = verb === 'subscribe' ? isTopicFilter(topic) : isTopicName(topic);
  if (!wellFormed)
    return deny(`not a well-formed topic ${verb === 'subscribe' ? 'filter' : 'name'}`);
  if (verb === 'publish' && topic.startsWith('$')) {
    return deny('only the broker itself publishes to topics that begin with $');
  }
  const side = verb === 'publish' ? 'publish' : 'receive';
  for (const rule of policy.rules) {
    if (rule.role !== principal.role || rule.verb !== side) continue;
    if (!expandRule(policy, principal, rule).some((filter) => grants(rule, filter, verb, topic)))
      continue;
    const name = `${rule.role} ${rule.verb} ${rule.filter}`;
    return { allowed: true, rule: name, reason: `allowed by the rule "${name}"` };
  }
  return deny(`no rule lets a ${principal.role} ${verb} this`);
}

function deny(reason: string): Decision {
  return { allowed: false, rule: null, reason };
}

function grants(rule: Rule, filter: string, verb: Verb, topic: string): boolean {
  if (!coversFilter(filter, topic)) return false;
  if (verb !== 'subscribe' || !rule.exact) return true;
  // Level by level the rule's own text, but for the model: that must be one name, not a wildcard, and
  // not that of the self-checks, which are never shared.
  const asked = topic.split('/');
  return filter.split('/').every((level, index, all) => {
    if (index < all.length - 1) return asked[index] === level;
    return isName(asked[index]) && asked[index] !== SELF_CHECK_MODEL;
  });
}

/**
 * The filters of a rule for one principal: one, or one per model (`+` where it is not limited). For a
 * probe identity those that stand in its place.
 */
export function expandRule(policy: Policy, principal: Principal, rule: Rule): string[] {
  const isProbe = probeRole(principal.name) !== null;
  const { group, models = ['+'] } = isProbe
    ? { group: PROBE_GROUP, models: [PROBE_MODEL] }
    : { group: policy.group, models: principal.models };
  const filters = (isProbe && rule.probes) || [rule.filter];
  const probes = PROBES.map(({ name }) => name);
  return filters
    .map((filter) =>
      filter
        .replaceAll('{root}', `${policy.namespace}/v1`)
        .replaceAll('{namespace}', policy.namespace)
        .replaceAll('{group}', group)
        .replaceAll('{self}', principal.name),
    )
    .flatMap((filter) => forEach(filter, '{model}', models))
    .flatMap((filter) => forEach(filter, '{probe}', probes));
}

function forEach(filter: string, placeholder: string, names: readonly string[]): string[] {
  if (!filter.includes(placeholder)) return [filter];
  return names.map((name) => filter.replaceAll(placeholder, name));
}
