// The one policy: who may publish and receive what, as data, and the decision that follows from it.
import { coversFilter, parseSharedFilter } from '../schemas/filters.ts';
import { isName, SELF_CHECK_MODEL } from '../schemas/names.ts';
import { topicRoot } from '../schemas/topics.ts';

export const ROLES = ['client', 'predictor', 'operator', 'registrar'] as const;
export type Role = (typeof ROLES)[number];

/** `subscribe` asks for a filter; `receive` is decided for each delivered topic. */
export type Verb = 'publish' | 'subscribe' | 'receive';

/** One line of the policy. */
export interface Rule {
  readonly role: Role;
  readonly verb: 'publish' | 'receive';
  /**
   * Below `{root}` = namespace/v1. `{self}` is the username; `{model}` each of the identity's models,
   * or any where it is not limited.
   */
  readonly topic: string;
  /** Only as a shared subscription of this group, with one model named. */
  readonly share?: '{group}';
}

/** DESIGN's table "Roles and rights", without what has no topic yet. What no rule allows is denied. */
export const RULES: readonly Rule[] = [
  { role: 'client', verb: 'publish', topic: '{root}/readings/{self}/+' },
  { role: 'client', verb: 'receive', topic: '{root}/replies/{self}/+' },
  { role: 'client', verb: 'receive', topic: '{root}/agents/+/status' },
  { role: 'predictor', verb: 'publish', topic: '{root}/replies/+/{model}' },
  { role: 'predictor', verb: 'publish', topic: '{root}/replies/{self}/self-check' },
  { role: 'predictor', verb: 'publish', topic: '{root}/agents/{self}/#' },
  { role: 'predictor', verb: 'publish', topic: '{root}/readings/{self}/self-check' },
  { role: 'predictor', verb: 'receive', topic: '{root}/readings/+/{model}', share: '{group}' },
  { role: 'predictor', verb: 'receive', topic: '{root}/readings/{self}/self-check' },
  { role: 'predictor', verb: 'receive', topic: '{root}/replies/{self}/self-check' },
  { role: 'predictor', verb: 'receive', topic: '{root}/agents/+/status' },
  { role: 'predictor', verb: 'receive', topic: '{root}/agents/+/adopting' },
  { role: 'predictor', verb: 'receive', topic: '{root}/models/#' },
  { role: 'predictor', verb: 'receive', topic: '{root}/control/{self}/#' },
  { role: 'operator', verb: 'receive', topic: '{namespace}/#' },
  { role: 'operator', verb: 'receive', topic: '$SYS/#' },
  { role: 'registrar', verb: 'publish', topic: '{root}/models/#' },
  { role: 'registrar', verb: 'receive', topic: '{root}/models/#' },
  { role: 'registrar', verb: 'receive', topic: '{root}/drift/#' },
  { role: 'registrar', verb: 'receive', topic: '{root}/truth/#' },
  { role: 'registrar', verb: 'receive', topic: '{root}/readings/#' },
  { role: 'registrar', verb: 'receive', topic: '{root}/agents/+/status' },
];

export interface Policy {
  readonly namespace: string;
  readonly group: string;
  readonly rules: readonly Rule[];
}

/** Who asks. */
export interface Principal {
  readonly name: string;
  readonly role: Role;
  /** A predictor's right limited to these models; all where left out. */
  readonly models?: readonly string[];
}

export interface Decision {
  readonly allowed: boolean;
  /** The rule that allows it, as it stands in the policy. */
  readonly rule: string | null;
  /** For the log and for people. */
  readonly reason: string;
}

export function createPolicy(options: { namespace: string; group: string }): Policy {
  return { ...options, rules: RULES };
}

/** Decides one question. Total: any text may be asked for. */
export function decide(policy: Policy, who: Principal, verb: Verb, topic: string): Decision {
  const wanted = verb === 'publish' ? 'publish' : 'receive';
  for (const rule of policy.rules) {
    if (rule.role !== who.role || rule.verb !== wanted) continue;
    if (allows(policy, rule, who, verb, topic)) {
      const text = describeRule(rule);
      return { allowed: true, rule: text, reason: `allowed by "${text}"` };
    }
  }
  const reason = `no rule of role ${who.role} allows to ${verb} it`;
  return { allowed: false, rule: null, reason };
}

/** A rule in words, for example `client publish {root}/readings/{self}/+`. */
export function describeRule(rule: Rule): string {
  const share = rule.share ? `$share/${rule.share}/` : '';
  return `${rule.role} ${rule.verb} ${share}${rule.topic}`;
}

/** The filters that a rule means for one principal. */
export function expandRule(policy: Policy, rule: Rule, who: Principal): string[] {
  const { group, namespace } = policy;
  const filled = rule.topic
    .replace('{root}', topicRoot(namespace))
    .replace('{namespace}', namespace)
    .replace('{group}', group)
    .replace('{self}', who.name);
  if (!filled.includes('{model}')) return [filled];
  return (who.models ?? ['+']).map((model) => filled.replace('{model}', model));
}

function allows(policy: Policy, rule: Rule, who: Principal, verb: Verb, topic: string): boolean {
  const filters = expandRule(policy, rule, who);
  if (rule.share === undefined || verb === 'receive') {
    return filters.some((filter) => coversFilter(filter, topic));
  }
  const shared = parseSharedFilter(topic);
  if (shared === null || shared.group !== policy.group) return false;
  // One model and no wildcard for it: "+" would swallow what other members are there for.
  const model = shared.filter.slice(shared.filter.lastIndexOf('/') + 1);
  if (!isName(model) || model === SELF_CHECK_MODEL) return false;
  return (
    filters.some((filter) => coversFilter(filter, shared.filter)) && shared.filter.includes('/+/')
  );
}
