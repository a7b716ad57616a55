import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { cleanUp, makeFolder, runCli } from './run-cli.fixture.ts';

afterEach(cleanUp);

const PASSWORD = /^[\x21-\x7e]{20,}$/;

function setUp() {
  const store = join(makeFolder(), 'store');
  const identity = (...args: string[]) =>
    runCli(['identity', ...args], { env: { ECHOLOT_STORE: store } });
  return { identity, store };
}

describe('an identity', () => {
  it('is added, listed, renewed and removed', async () => {
    const { identity } = setUp();
    const added = await identity('add', 'edge-1', '--role', 'predictor', '--models', 'sonar,radar');
    expect(added.code).toBe(0);
    const rotated = await identity('rotate', 'edge-1');
    expect(rotated.code).toBe(0);
    for (const { stdout } of [added, rotated]) {
      expect(stdout.trimEnd().split('\n')).toEqual([expect.stringMatching(PASSWORD)]);
    }
    expect(rotated.stdout).not.toBe(added.stdout);

    const table = await identity('list');
    expect(table.stdout).toMatch(/^NAME +ROLE +MODELS\nedge-1 +predictor +sonar,radar\n$/);
    const json = await identity('list', '--json');
    expect(
      json.stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual([{ name: 'edge-1', role: 'predictor', models: ['sonar', 'radar'] }]);

    expect((await identity('remove', 'edge-1')).code).toBe(0);
    expect((await identity('list', '--json')).stdout).toBe('');
  });

  it('leaves nothing in the store that others may read, nor its password', async () => {
    const { identity, store } = setUp();
    const { stdout } = await identity('add', 'dev-1', '--role', 'client');
    const password = stdout.trim();
    expect(statSync(store).mode & 0o077).toBe(0);
    for (const file of readdirSync(store)) {
      const path = join(store, file);
      expect(statSync(path).mode & 0o077, path).toBe(0);
      expect(readFileSync(path, 'utf8')).not.toContain(password);
    }
  });

  it.each([
    [['add', 'a/b', '--role', 'client'], 'a letter or digit'],
    [['add', 'dev-1', '--role', 'predictor', '--models', 'a,+'], 'Each model'],
    [['rotate', 'nobody'], 'nobody'],
    [['remove', 'nobody'], 'nobody'],
  ])('is refused by %j', async (args, why) => {
    const { identity } = setUp();
    const { code, stderr, stdout } = await identity(...args);
    expect(code).not.toBe(0);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^error: /);
    expect(stderr).toContain(why);
  });

  it('is not added twice', async () => {
    const { identity } = setUp();
    await identity('add', 'dev-1', '--role', 'client');
    const { code, stderr, stdout } = await identity('add', 'dev-1', '--role', 'operator');
    expect(code).not.toBe(0);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^error: .*dev-1/);
    expect(stderr).toMatch(/^hint: .*rotate/m);
  });
});
