// Passwords and their hashes, with mosquitto_passwd as a second opinion.
import { describe, expect, it } from 'vitest';
import { hashPassword, makePassword, PasswordChecker } from './password.ts';

/** Written by mosquitto_passwd 2.0.11. */
const OF_MOSQUITTO =
  '$7$101$hwUZ+Gywivj3UTt5$MxyFRZc1Nd/R0M1SHyuBc1bG4qHI/0EYWIgwOf4r42jf2WTjvD8WBLM3ALE/qB6q937cc5dwhznMPaSk5dbCKw==';

describe('a password', () => {
  it('is 43 letters that nobody can guess and a shell can take', () => {
    const some = Array.from({ length: 100 }, makePassword);
    for (const password of some) expect(password).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(new Set(some).size).toBe(100);
  });

  it('is hashed with a salt of its own, in the form of Mosquitto', async () => {
    const [one, two] = [await hashPassword('secret'), await hashPassword('secret')];
    expect(one).toMatch(/^\$7\$1000\$[A-Za-z0-9+/]{16}\$[A-Za-z0-9+/]{86}==$/);
    expect(one).not.toBe(two);
  });
});

describe('the check of a password', () => {
  it.each([
    ['ours', () => hashPassword('correct horse')],
    ['of Mosquitto', async () => OF_MOSQUITTO],
  ])(
    'takes the right one and no other, as often as it is asked, for a hash %s',
    async (_, make) => {
      const [checker, stored] = [new PasswordChecker(), await make()];
      // The second time it remembers.
      for (const time of [1, 2]) {
        expect(await checker.check('correct horse', stored), `time ${time}`).toBe(true);
        expect(await checker.check('correct horsf', stored), `time ${time}`).toBe(false);
        expect(await checker.check('', stored), `time ${time}`).toBe(false);
      }
    },
  );

  it('does not take the password of before, though it was right a moment ago', async () => {
    const checker = new PasswordChecker();
    const [old, renewed] = [await hashPassword('old'), await hashPassword('new')];
    expect(await checker.check('old', old)).toBe(true);
    expect(await checker.check('old', renewed)).toBe(false);
    expect(await checker.check('new', renewed)).toBe(true);
  });

  it('fails where there is no such identity', async () => {
    const checker = new PasswordChecker();
    for (const password of ['', 'x', 'correct horse']) {
      expect(await checker.check(password, null)).toBe(false);
    }
  });

  it('refuses what is longer than 1 kB, right or not', async () => {
    const checker = new PasswordChecker();
    const [longest, tooLong] = ['x'.repeat(1024), `${'x'.repeat(1022)}ü!`];
    expect(await checker.check(longest, await hashPassword(longest))).toBe(true);
    expect(await checker.check(tooLong, await hashPassword(tooLong))).toBe(false);
  });
});
