// The policy as Mosquitto's ACL file, for a broker without the plugin: less than the policy, and it says so.
import { coversFilter } from '../schemas/filters.ts';
import { expandRule } from './policy.ts';
import type { RenderInput } from './rendering.ts';

/** The text of an `acl_file`; its head says what it leaves open. */
export function renderAclFile({ identities, models, policy }: RenderInput): string {
  const header = `# Rendered by "echolot policy render mosquitto", for a broker without the dynamic-security plugin:
#   per_listener_settings false
#   allow_anonymous false
#   acl_file …/acl
#   password_file …/passwords
#   use_username_as_clientid true      (after each listener)
# WHAT IT LEAVES OPEN. Mosquitto never refuses a subscription by an ACL file. Whoever may log in can
# join $share/${policy.group}/… and swallow a share of all readings without a trace: nothing is
# delivered to the intruder, and nothing to anybody else. Without use_username_as_clientid any client
# id is free to take, with it no predictor can adopt. Prefer dynamic-security.json, and never use both.
`;
  const blocks = identities.map((identity) => {
    const principal =
      identity.role === 'predictor' ? { ...identity, models: identity.models ?? models } : identity;
    const lines = policy.rules
      .filter((rule) => rule.role === identity.role)
      .flatMap((rule) =>
        expandRule(policy, principal, rule).map((filter) => {
          const access = rule.verb === 'publish' ? 'write' : 'read';
          return { access, filter: filter.replace(/^\$share\/[^/]+\//, '') };
        }),
      );
    const shown = withoutCovered(lines).map(({ access, filter }) => `topic ${access} ${filter}`);
    return `user ${identity.name}\n${shown.join('\n')}\n`;
  });
  return [header, ...blocks].join('\n');
}

/** The text of a `password_file`. */
export function renderPasswordFile({ identities }: RenderInput): string {
  return identities.map(({ name, password }) => `${name}:${password}\n`).join('');
}

interface AclLine {
  readonly access: string;
  readonly filter: string;
}

/** Leaves out a line that an earlier or a wider one of the same access covers. */
function withoutCovered(lines: readonly AclLine[]): AclLine[] {
  return lines.filter(
    ({ access, filter }, index) =>
      !lines.some(
        (other, otherIndex) =>
          otherIndex !== index &&
          other.access === access &&
          coversFilter(other.filter, filter) &&
          (other.filter !== filter || otherIndex < index),
      ),
  );
}
