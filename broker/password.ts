// Passwords: made by machine, stored as Mosquitto's `$7$` hashes (PBKDF2 with SHA-512).
import { createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

/**
 * Few on purpose: 256 random bits need no slow hash, and a slow one lets a stranger fill the broker
 * with logins (measured on Mosquitto: 210,000 iterations stall it 0.1 s per login).
 */
const ITERATIONS = 1000;
/** As base64url these are 12 bytes that are text too, which EMQX wants its salts to be. */
const SALT_RANDOM_BYTES = 9;
const HASH_BYTES = 64;
/** Above this a login is refused unread: no password of ours is longer. */
const MAX_PASSWORD_BYTES = 1024;
/** An unknown name costs the same time as a known one. */
const NOBODY = `$7$${ITERATIONS}$${'A'.repeat(16)}$${'A'.repeat(86)}==`;

const derive = promisify(pbkdf2);

/** 32 random bytes as base64url: 43 characters. */
export function makePassword(): string {
  return randomBytes(32).toString('base64url');
}

/** `$7$iterations$salt$hash`, as mosquitto_passwd writes it. */
export async function hashPassword(
  password: string,
  salt: Buffer = Buffer.from(randomBytes(SALT_RANDOM_BYTES).toString('base64url')),
): Promise<string> {
  const hash = await derive(password, salt, ITERATIONS, HASH_BYTES, 'sha512');
  return `$7$${ITERATIONS}$${salt.toString('base64')}$${hash.toString('base64')}`;
}

/** Checks passwords off the event loop, in constant time, and remembers what it found right. */
export class PasswordChecker {
  private readonly key = randomBytes(32);
  /** HMAC of the last right password by stored hash: a password that changed has another hash. */
  private readonly known = new Map<string, Buffer>();

  /** @param stored the hash, or `null` where there is no such identity: takes as long, and fails. */
  async check(password: string, stored: string | null): Promise<boolean> {
    if (Buffer.byteLength(password) > MAX_PASSWORD_BYTES) return false;
    const mark = createHmac('sha256', this.key).update(password).digest();
    const known = stored === null ? undefined : this.known.get(stored);
    if (known && timingSafeEqual(known, mark)) return true;
    const [, , iterations = '', salt = '', hash = ''] = (stored ?? NOBODY).split('$');
    const expected = Buffer.from(hash, 'base64');
    const found = await derive(
      password,
      Buffer.from(salt, 'base64'),
      Number(iterations),
      HASH_BYTES,
      'sha512',
    );
    const right = timingSafeEqual(found, expected) && stored !== null;
    if (right) this.remember(stored, mark);
    return right;
  }

  private remember(stored: string, mark: Buffer): void {
    if (this.known.size >= 10_000) this.known.clear();
    this.known.set(stored, mark);
  }
}
