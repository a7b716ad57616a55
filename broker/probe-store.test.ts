import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { certificatePaths, ensureAuthority } from './certificates.ts';
import { openIdentityStore } from './identity-store.ts';
import { ensureProbes, probePasswordPath } from './probe-store.ts';
import { PROBES } from './probes.ts';

let store: string;
beforeEach(async () => {
  store = join(await mkdtemp(join(tmpdir(), 'echolot-probes-')), 'store');
});
afterEach(() => rm(join(store, '..'), { recursive: true, force: true }));

async function passwords(): Promise<string[]> {
  return Promise.all(PROBES.map(({ name }) => readFile(probePasswordPath(store, name), 'utf8')));
}

describe('the probes of a store', () => {
  it('are made with passwords that only their owner reads, and that hold', async () => {
    await ensureProbes(store);
    const identities = await openIdentityStore(store);
    for (const { name, role } of PROBES) {
      const path = probePasswordPath(store, name);
      expect((await stat(path)).mode & 0o777).toBe(0o600);
      const password = (await readFile(path, 'utf8')).trimEnd();
      expect(await identities.verify(name, password)).toEqual({ name, role });
    }
    expect((await stat(join(store, 'probes'))).mode & 0o777).toBe(0o700);
  });

  it('stay as they are when asked for again', async () => {
    await ensureProbes(store);
    const before = await passwords();
    await ensureProbes(store);
    expect(await passwords()).toEqual(before);
  });

  it('get a new password where it was lost or changed', async () => {
    await ensureProbes(store);
    const [first, second] = PROBES;
    await rm(probePasswordPath(store, first.name));
    const identities = await openIdentityStore(store);
    await identities.rotate(second.name);
    await ensureProbes(store);
    for (const { name } of PROBES) {
      const password = (await readFile(probePasswordPath(store, name), 'utf8')).trimEnd();
      expect(await identities.verify(name, password)).not.toBeNull();
    }
  });

  it('have certificates in a store that has an authority, and the same ones later', async () => {
    await ensureProbes(store);
    const { certificate } = certificatePaths(store).client(PROBES[0].name);
    await expect(stat(certificate)).rejects.toThrow('ENOENT');
    await ensureAuthority(store);
    await ensureProbes(store);
    const before = await readFile(certificate, 'utf8');
    expect(before).toContain('BEGIN CERTIFICATE');
    await ensureProbes(store);
    expect(await readFile(certificate, 'utf8')).toBe(before);
  });

  it('keep their names and their model to themselves', async () => {
    const identities = await openIdentityStore(store);
    await expect(identities.add(PROBES[0].name, 'operator')).rejects.toThrow('name of a probe');
    const models = ['policy-probe'];
    await expect(identities.add('edge-1', 'predictor', { models })).rejects.toThrow('reserved');
  });
});
