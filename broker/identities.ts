// The identities file: its schema, and passwords as Mosquitto stores them.
import { pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import Type from 'typebox';
import { Compile } from 'typebox/compile';
import { NAME_PATTERN } from '../schemas/names.ts';
import { ROLES } from './policy.ts';

const derive = promisify(pbkdf2);

/** Passwords are 256 random bits, which need no slow hash; a slow one would stall the broker. */
const ITERATIONS = 1000;
const SALT_BYTES = 12;
const HASH_BYTES = 64;
const PASSWORD_BYTES = 32;

const Name = Type.String({ pattern: NAME_PATTERN });

export const IdentitySchema = Type.Object(
  {
    name: Name,
    role: Type.Enum([...ROLES]),
    /** `$7$iterations$salt$hash`: PBKDF2 with SHA-512, as in Mosquitto's password files. */
    password: Type.String({ pattern: '^\\$7\\$[0-9]{1,7}\\$[A-Za-z0-9+/]+=*\\$[A-Za-z0-9+/]+=*$' }),
    models: Type.Optional(Type.Array(Name, { minItems: 1, uniqueItems: true })),
    createdAt: Type.String(),
  },
  { additionalProperties: false },
);
export type Identity = Type.Static<typeof IdentitySchema>;

export const IdentitiesFileSchema = Type.Object(
  { schema: Type.Literal('echolot/identities/v1'), identities: Type.Array(IdentitySchema) },
  { additionalProperties: false },
);
export type IdentitiesFile = Type.Static<typeof IdentitiesFileSchema>;

export const checkIdentitiesFile = Compile(IdentitiesFileSchema);

/** A new password of 256 random bits, safe in URLs, shells and files. */
export function createPassword(): string {
  return randomBytes(PASSWORD_BYTES).toString('base64url');
}

/** Hashes off the event loop. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const hash = await derive(password, salt, ITERATIONS, HASH_BYTES, 'sha512');
  return `$7$${ITERATIONS}$${salt.toString('base64')}$${hash.toString('base64')}`;
}

/** Compares in constant time, off the event loop. */
export async function matchesPassword(password: string, stored: string): Promise<boolean> {
  const [, , iterations = '', salt = '', hash = ''] = stored.split('$');
  const expected = Buffer.from(hash, 'base64');
  const rounds = Math.max(1, Number(iterations));
  const salted = Buffer.from(salt, 'base64');
  const actual = await derive(password, salted, rounds, expected.length || HASH_BYTES, 'sha512');
  return actual.length === expected.length && timingSafeEqual(actual, expected);
}
