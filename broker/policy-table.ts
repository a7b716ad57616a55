// The policy for people: as a table, and as the answer to "may this identity do that, and why".
import { decide, type Policy, type Principal, type Verb } from './policy.ts';

/** A right as it is shown: the filter with its `{self}` and `{model}`. */
export interface ShownRight {
  readonly role: string;
  readonly verb: 'publish' | 'receive';
  readonly filter: string;
}

/** One row per rule, in the order in which they are asked. */
export function policyRows({ group, namespace, rules }: Policy): ShownRight[] {
  return rules.map(({ filter, role, verb }) => ({
    role,
    verb,
    filter: filter
      .replaceAll('{root}', `${namespace}/v1`)
      .replaceAll('{namespace}', namespace)
      .replaceAll('{group}', group),
  }));
}

/** One line, for example `edge-1 (predictor) may not publish …: no rule lets a predictor publish this`. */
export function explain(
  policy: Policy,
  principal: Principal,
  verb: Verb,
  topic: string,
): { readonly allowed: boolean; readonly text: string } {
  const { allowed, reason } = decide(policy, principal, verb, topic);
  const may = allowed ? 'may' : 'may not';
  const { name, role } = principal;
  return { allowed, text: `${name} (${role}) ${may} ${verb} ${topic}: ${reason}` };
}
