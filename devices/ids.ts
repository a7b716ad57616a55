// Ids of readings: short, printable, and not met again after a restart.
import { randomBytes } from 'node:crypto';

/**
 * A generator of ids such as `k3Tz8Q-1`: 48 random bits for the run, then a counter in base 36.
 */
export function createIds(): () => string {
  const prefix = randomBytes(6).toString('base64url');
  let count = 0;
  return () => {
    count += 1;
    return `${prefix}-${count.toString(36)}`;
  };
}
