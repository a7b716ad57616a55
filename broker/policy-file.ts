// Custom roles and extra rules, read from a file and judged: what would open everything is refused.
import { readFile } from 'node:fs/promises';
import { isTopicFilter } from '../schemas/filters.ts';
import { checkPolicyFile, type PolicyFile } from '../schemas/policy-file.ts';
import { type PolicyExtension, ROLES } from './policy.ts';

/** The file cannot be used. A person must edit it; exit 78. */
export class PolicyFileError extends Error {
  readonly code = 'POLICY_FILE_INVALID';
  readonly exitCode = 78;
  readonly remedy: string;

  constructor(message: string, remedy: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'PolicyFileError';
    this.remedy = remedy;
  }
}

const EXAMPLE =
  '{"version":1,"roles":[{"name":"auditor"}],"rules":[{"role":"auditor","verb":"receive","filter":"{root}/replies/+/+"}]}';

/** @throws {PolicyFileError} it cannot be read, or `parsePolicyFile` refuses it */
export async function readPolicyFile(path: string): Promise<PolicyExtension> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new PolicyFileError(
      `the policy file ${path} cannot be read (${code ?? String(cause)})`,
      'Check the path and who may read it.',
      { cause },
    );
  }
  return parsePolicyFile(text, path);
}

/**
 * Judges the text of a policy file; all or nothing.
 * @throws {PolicyFileError} no JSON, against the schema, or a rule that cannot stand
 */
export function parsePolicyFile(text: string, path: string): PolicyExtension {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (cause) {
    const why = (cause as Error).message;
    throw new PolicyFileError(`${path} is not JSON: ${why}`, `For example ${EXAMPLE}`, { cause });
  }
  if (!checkPolicyFile.Check(content)) {
    const [first] = checkPolicyFile.Errors(content);
    throw new PolicyFileError(
      `${path} is no policy file: ${first?.instancePath || 'the file'} ${first?.message ?? 'is malformed'}`,
      `For example ${EXAMPLE}`,
    );
  }
  const roles = (content.roles ?? []).map(({ name }) => name);
  for (const [index, name] of roles.entries()) {
    const isTaken = ROLES.some((role) => role === name) || roles.indexOf(name) < index;
    if (isTaken) throw refuse(path, `/roles/${index}`, `there is a role ${name} already`);
  }
  for (const [index, rule] of content.rules.entries()) {
    const why = faultOf(rule, [...ROLES, ...roles]);
    if (why !== null) throw refuse(path, `/rules/${index}`, why);
  }
  // What a file adds is compared with what a broker has, and not tried by the probes.
  return { roles, rules: content.rules.map((rule) => ({ ...rule, probes: [] })) };
}

function refuse(path: string, where: string, why: string): PolicyFileError {
  return new PolicyFileError(`${path}: ${where}: ${why}`, 'Mend it; nothing of the file is used.');
}

/** Why a rule cannot stand; `null` where it can. */
function faultOf(
  { filter, role, verb }: PolicyFile['rules'][number],
  roles: readonly string[],
): string | null {
  if (!roles.includes(role)) return `there is no role ${role}: known are ${roles.join(', ')}`;
  const [stranger] = filter.replace(/\{(root|namespace|self)\}/g, '').match(/[{}][^/]*/) ?? [];
  if (stranger !== undefined) {
    return `${JSON.stringify(stranger)} is no placeholder: known are {root}, {namespace}, {self}`;
  }
  if (!isTopicFilter(filter)) return `${JSON.stringify(filter)} is no topic filter`;
  if (/\p{Cc}/u.test(filter)) return 'the filter holds control characters';
  if (/^[+#]/.test(filter)) return `${filter} would open every namespace: begin with a name`;
  if (filter.startsWith('$share/')) {
    return 'a shared subscription takes messages away from the others: only predictors have one';
  }
  if (filter.startsWith('$') && (verb === 'publish' || !filter.startsWith('$SYS/'))) {
    return `${filter} is the broker's own: only $SYS/… may be received`;
  }
  return null;
}
