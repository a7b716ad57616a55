// The identity store on a real folder: what it keeps, refuses, and notices.
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openIdentityStore } from './identity-store.ts';

let folder: string;
const path = () => join(folder, 'store', 'identities.json');
const open = () => openIdentityStore(join(folder, 'store'));

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'echolot-store-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe('the identity store', () => {
  it('knows whom it was given, by password, also after it is opened again', async () => {
    const store = await open();
    const { password } = await store.add('edge-1', 'predictor', { models: ['sonar'] });
    await store.add('dev-1', 'client');
    expect(password).toMatch(/^[A-Za-z0-9_-]{43}$/);
    const again = await open();
    const edge = { name: 'edge-1', role: 'predictor', models: ['sonar'] };
    expect(await again.verify('edge-1', password)).toEqual(edge);
    expect(await again.verify('edge-1', password)).toEqual(edge);
    expect(await again.verify('edge-1', `${password}x`)).toBeNull();
    expect(await again.verify('dev-1', password)).toBeNull();
    expect(await again.verify('nobody', password)).toBeNull();
    expect(await again.verify('constructor', password)).toBeNull();
    expect(again.list()).toEqual([{ name: 'dev-1', role: 'client' }, edge]);
  });

  it('leaves files that only their owner may read, without the password', async () => {
    const { password } = await (await open()).add('dev-1', 'client');
    expect(statSync(join(folder, 'store')).mode & 0o777).toBe(0o700);
    expect(statSync(path()).mode & 0o777).toBe(0o600);
    expect(readFileSync(path(), 'utf8')).not.toContain(password);
    expect(readdirSync(join(folder, 'store'))).toEqual(['identities.json']);
  });

  it('voids the old password on rotation and all on removal', async () => {
    const store = await open();
    const { password: first } = await store.add('dev-1', 'client');
    expect(await store.verify('dev-1', first)).not.toBeNull();
    const { password: second } = await store.rotate('dev-1');
    expect(await store.verify('dev-1', first)).toBeNull();
    expect(await store.verify('dev-1', second)).not.toBeNull();
    await store.remove('dev-1');
    expect(await store.verify('dev-1', second)).toBeNull();
    expect(store.find('dev-1')).toBeNull();
  });

  it('loses none of many writes at once by several holders', async () => {
    const stores = await Promise.all([open(), open(), open()]);
    const names = Array.from({ length: 24 }, (_, index) => `dev-${index}`);
    await Promise.all(names.map(async (name, index) => stores[index % 3]?.add(name, 'client')));
    expect(
      (await open())
        .list()
        .map(({ name }) => name)
        .sort(),
    ).toEqual([...names].sort());
  });

  it('takes over a lock that a dead process left', async () => {
    const store = await open();
    writeFileSync(join(folder, 'store', 'identities.lock'), '999999999');
    await store.add('dev-1', 'client');
    expect(store.list()).toHaveLength(1);
  });

  it.each([
    ['a/b', 'client', undefined, 'IDENTITY_INVALID'],
    ['+', 'client', undefined, 'IDENTITY_INVALID'],
    ['dev-1', 'admin', undefined, 'IDENTITY_INVALID'],
    ['dev-1', 'client', ['sonar'], 'IDENTITY_INVALID'],
    ['edge-2', 'predictor', [], 'IDENTITY_INVALID'],
    ['edge-2', 'predictor', ['+'], 'IDENTITY_INVALID'],
    ['edge-2', 'predictor', ['self-check'], 'IDENTITY_INVALID'],
    ['taken', 'client', undefined, 'IDENTITY_EXISTS'],
  ])('refuses to add %s as %s with models %j', async (name, role, models, code) => {
    const store = await open();
    await store.add('taken', 'operator');
    const adding = store.add(name, role as 'client', models ? { models } : {});
    await expect(adding).rejects.toMatchObject({ code, exitCode: 78, remedy: expect.any(String) });
    expect(store.list()).toEqual([{ name: 'taken', role: 'operator' }]);
  });

  it('refuses to rotate or remove whom it does not know', async () => {
    const store = await open();
    const unknown = { code: 'IDENTITY_UNKNOWN', exitCode: 78 };
    await expect(store.rotate('nobody')).rejects.toMatchObject(unknown);
    await expect(store.remove('nobody')).rejects.toMatchObject(unknown);
  });

  it.each([
    ['not JSON', '{"version":1,'],
    ['another shape', '{"version":1,"identities":[{"name":"a"}]}'],
    [
      'a name that is none',
      '{"version":1,"identities":[{"name":"a/b","role":"client","password":"$7$"}]}',
    ],
    ['a future version', '{"version":2,"identities":[]}'],
  ])('does not open on a file with %s', async (_, text) => {
    await open();
    writeFileSync(path(), text);
    await expect(open()).rejects.toMatchObject({ code: 'STORE_INVALID', exitCode: 78 });
  });

  it('does not open where its folder cannot be made', async () => {
    writeFileSync(join(folder, 'file'), '');
    const opening = openIdentityStore(join(folder, 'file', 'store'));
    await expect(opening).rejects.toMatchObject({ code: 'STORE_UNREADABLE', exitCode: 78 });
  });

  it('tells its watchers of changes by others, and keeps the last good one of a broken file', async () => {
    const [store, other] = await Promise.all([open(), open()]);
    const told: (string | null)[] = [];
    let wake: () => void = () => undefined;
    const stop = store.watch((error) => {
      told.push(error?.code ?? null);
      wake();
    });
    const next = () =>
      new Promise<void>((resolve) => {
        wake = resolve;
      });
    const added = next();
    const { password } = await other.add('dev-1', 'client');
    await added;
    expect(store.find('dev-1')).toEqual({ name: 'dev-1', role: 'client' });

    const kept = store.find('dev-1');
    const another = next();
    await other.add('dev-2', 'client');
    await another;
    expect(store.find('dev-1')).toBe(kept);

    const broken = next();
    writeFileSync(path(), 'broken');
    await broken;
    rmSync(path());
    expect(await store.verify('dev-1', password)).toBe(kept);
    expect(told.slice(0, 3)).toEqual([null, null, 'STORE_INVALID']);
    stop();
  });

  it('lets in at once whom another has added', async () => {
    const [store, other] = await Promise.all([open(), open()]);
    for (const name of ['a', 'b', 'c']) {
      const { password } = await other.add(name, 'client');
      expect(await store.verify(name, password)).not.toBeNull();
    }
  });
});
