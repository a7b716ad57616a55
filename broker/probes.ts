// The probe identities, with which the prover asks a running broker: their names, roles, model and group.
// They are kept by probe-store.ts; what they may do stands in policy.ts, beside the rights of their roles.
import type { Role } from './policy.ts';

/** Who asks for each role: two clients, so that one can try to reach the other. */
export interface Probe {
  readonly name: string;
  readonly role: Role;
}

/** Names that no identity of another role may bear. Their rights never touch a live reading. */
export const PROBES = [
  { name: 'policy-probe-client-1', role: 'client' },
  { name: 'policy-probe-client-2', role: 'client' },
  { name: 'policy-probe-predictor', role: 'predictor' },
  { name: 'policy-probe-operator', role: 'operator' },
  { name: 'policy-probe-registrar', role: 'registrar' },
] as const satisfies readonly Probe[];

/** The reserved model of the probes: nobody serves it. */
export const PROBE_MODEL = 'policy-probe';

/** The share group of the probe predictor: never that of an agent. */
export const PROBE_GROUP = 'policy-probes';

const ROLES_BY_NAME = new Map<string, Role>(PROBES.map(({ name, role }) => [name, role]));

/** The role of a probe identity; `null` for a name that is not one of theirs. */
export function probeRole(name: string): Role | null {
  return ROLES_BY_NAME.get(name) ?? null;
}
