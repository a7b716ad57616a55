// What an identity is, in memory and in identities.json, and how its file is read and judged.
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { isName, NAME_PATTERN, NAME_RULE, SELF_CHECK_MODEL } from '../schemas/names.ts';
import { ADMINISTRATOR } from './administrator.ts';
import { ROLES, type Role } from './policy.ts';
import { PROBE_MODEL, probeRole } from './probes.ts';

/** Who may connect. `models` limits a predictor to these models. */
export interface Identity {
  readonly name: string;
  readonly role: Role;
  readonly models?: readonly string[];
}

/** An identity with the hash of its password, as it is stored. */
export interface IdentityRecord extends Identity {
  readonly password: string;
}

const Name = Type.String({ pattern: NAME_PATTERN });
const RecordSchema = Type.Object(
  {
    name: Name,
    // Which roles there are is said by the policy; one that it does not know has no rights.
    role: Name,
    models: Type.Optional(Type.Array(Name, { minItems: 1 })),
    password: Type.String({
      pattern: '^\\$7\\$[1-9][0-9]{0,6}\\$[A-Za-z0-9+/]{16}\\$[A-Za-z0-9+/]{86}==$',
    }),
  },
  { additionalProperties: false },
);
const FileSchema = Type.Object(
  { version: Type.Literal(1), identities: Type.Array(RecordSchema) },
  { additionalProperties: false },
);
const file = Compile(FileSchema);

/** The store cannot do what was asked, or cannot be used. A person must act; exit 78. */
export class IdentityStoreError extends Error {
  readonly code:
    | 'STORE_UNREADABLE'
    | 'STORE_INVALID'
    | 'IDENTITY_EXISTS'
    | 'IDENTITY_UNKNOWN'
    | 'IDENTITY_INVALID';
  readonly exitCode = 78;
  readonly remedy: string;

  constructor(
    code: IdentityStoreError['code'],
    message: string,
    remedy: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'IdentityStoreError';
    this.code = code;
    this.remedy = remedy;
  }
}

/**
 * Reads the text of identities.json.
 * @throws {IdentityStoreError} `STORE_INVALID`: no JSON, against the schema, or a name twice
 */
export function parseIdentities(text: string, path: string): Map<string, IdentityRecord> {
  const remedy = `Mend ${path}, bring it back from a backup, or remove it and add the identities anew.`;
  const refuse = (why: string, cause?: unknown) =>
    new IdentityStoreError('STORE_INVALID', `${path} is no list of identities: ${why}`, remedy, {
      cause,
    });
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (error) {
    throw refuse('it is not JSON', error);
  }
  if (!file.Check(content)) {
    const [first] = file.Errors(content);
    throw refuse(`${first?.instancePath || 'the file'} ${first?.message ?? 'is malformed'}`);
  }
  const identities = new Map<string, IdentityRecord>();
  for (const record of content.identities as IdentityRecord[]) {
    if (identities.has(record.name)) throw refuse(`${record.name} is in it twice`);
    identities.set(record.name, record);
  }
  return identities;
}

export function formatIdentities(identities: ReadonlyMap<string, IdentityRecord>): string {
  return `${JSON.stringify({ version: 1, identities: [...identities.values()] }, null, 2)}\n`;
}

/**
 * @param roles those of the policy
 * @throws {IdentityStoreError} `IDENTITY_INVALID`
 */
export function checkIdentity(identity: Identity, roles: readonly Role[] = ROLES): void {
  const { name, role, models } = identity;
  const refuse = (message: string, remedy: string) => {
    throw new IdentityStoreError('IDENTITY_INVALID', message, remedy);
  };
  const rule = `Use ${NAME_RULE}.`;
  if (!isName(name)) refuse(`${JSON.stringify(name)} is no name`, rule);
  if (!roles.includes(role)) {
    refuse(`${JSON.stringify(role)} is no role`, `Use ${roles.join(', ')}, or add it by --policy.`);
  }
  if (name === ADMINISTRATOR) refuse(`${name} is a reserved name`, 'Choose another name.');
  const reserved = probeRole(name) ?? role;
  if (reserved !== role) refuse(`${name} is the name of a probe`, 'Choose another name.');
  if (models === undefined) return;
  if (role !== 'predictor') {
    refuse(`${name} is a ${role}: only predictors are limited to models`, 'Leave the models out.');
  }
  if (models.length === 0) refuse('the list of models is empty', 'Name a model, or leave it out.');
  for (const model of models) {
    if (!isName(model)) refuse(`${JSON.stringify(model)} is no name of a model`, rule);
    const isReserved = model === SELF_CHECK_MODEL || model === PROBE_MODEL;
    if (isReserved) refuse(`${model} is a reserved name`, 'Name a real model.');
  }
}
