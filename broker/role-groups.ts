// Identities with the same rights as one group, for brokers that have a placeholder for the username.
import type { IdentityRecord } from './identity.ts';
import { expandRule, type Rule } from './policy.ts';
import { probeRole } from './probes.ts';
import type { RenderInput } from './rendering.ts';

export interface RoleGroup {
  /** `client`, `predictor:sonar` or `probe:policy-probe-client-1`: no name holds a colon. */
  readonly id: string;
  readonly members: readonly IdentityRecord[];
  readonly rights: readonly GroupRight[];
}

/** A right with the broker's placeholder in the place of the username. */
export interface GroupRight {
  readonly rule: Rule;
  readonly filter: string;
}

/** @param username the broker's placeholder for the username, such as `${username}` */
export function groupByRights(
  { identities, models, policy }: RenderInput,
  username: string,
): RoleGroup[] {
  const groups = new Map<string, IdentityRecord[]>();
  for (const identity of identities) {
    const id = idOf(identity, models);
    groups.set(id, [...(groups.get(id) ?? []), identity]);
  }
  return [...groups].map(([id, members]) => {
    const [first] = members as [IdentityRecord];
    const isProbe = probeRole(first.name) !== null;
    const named = { ...first, name: isProbe ? first.name : username };
    const principal =
      first.role === 'predictor' ? { ...named, models: first.models ?? models } : named;
    const rights = policy.rules
      .filter(({ role }) => role === first.role)
      .flatMap((rule) => expandRule(policy, principal, rule).map((filter) => ({ rule, filter })));
    return { id, members, rights };
  });
}

function idOf({ models, name, role }: IdentityRecord, all: readonly string[]): string {
  if (probeRole(name) !== null) return `probe:${name}`;
  return role === 'predictor' ? `${role}:${(models ?? all).join(',')}` : role;
}
