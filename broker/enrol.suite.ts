// What adding a list of identities must do, at any length.
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { enrolList } from './enrol.ts';
import { type IdentityStore, openIdentityStore } from './identity-store.ts';

/** @param limitMs where given, how long it may take */
export function describeEnrolment(count: number, limitMs?: number): void {
  describe(`a list of ${count} identities`, () => {
    let folder: string;
    let store: IdentityStore;

    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'echolot-enrol-'));
      store = await openIdentityStore(join(folder, 'store'));
    });
    afterEach(() => rm(folder, { recursive: true, force: true }));

    const file = (name: string) => join(folder, name);
    const listOf = (more: readonly string[] = []) => {
      const rows = Array.from({ length: count - more.length }, (_, index) =>
        index % 10 === 0 ? `edge-${index},predictor,sonar` : `dev-${index},client,`,
      );
      return `${['name,role,models', ...rows, ...more].join('\n')}\n`;
    };

    it('is added with a password for each, for their owner alone', async () => {
      await writeFile(file('list.csv'), listOf());
      const start = performance.now();
      expect(await enrolList(store, file('list.csv'), file('out.csv'))).toBe(count);
      if (limitMs !== undefined) expect(performance.now() - start).toBeLessThan(limitMs);

      const out = await readFile(file('out.csv'), 'utf8');
      const rows = out.trimEnd().split('\n').slice(1);
      expect(rows).toHaveLength(count);
      expect(new Set(rows.map((row) => row.split(',')[1])).size).toBe(count);
      expect((await stat(file('out.csv'))).mode & 0o777).toBe(0o600);
      const stored = await readFile(join(folder, 'store', 'identities.json'), 'utf8');
      for (const row of [rows.at(0), rows.at(-1)]) {
        const [name = '', password = ''] = row?.split(',') ?? [];
        expect(stored).not.toContain(password);
        const other = await openIdentityStore(join(folder, 'store'));
        expect(await other.verify(name, password)).toMatchObject({ name });
      }
      expect(store.get('edge-0')).toEqual({ name: 'edge-0', role: 'predictor', models: ['sonar'] });
    });

    it('is added all or none, and leaves no file of passwords that are void', async () => {
      const { password } = await store.add('taken', 'operator');
      await writeFile(file('list.csv'), listOf(['taken,client,']));
      await expect(enrolList(store, file('list.csv'), file('out.csv'))).rejects.toMatchObject({
        code: 'IDENTITY_EXISTS',
        message: expect.stringContaining('taken'),
      });
      expect(store.list()).toHaveLength(1);
      expect(await store.verify('taken', password)).toMatchObject({ role: 'operator' });
      await expect(stat(file('out.csv'))).rejects.toMatchObject({ code: 'ENOENT' });
    });

    it('never writes over a file, and adds nobody then', async () => {
      await writeFile(file('list.csv'), listOf());
      await writeFile(file('out.csv'), 'passwords of yesterday');
      await expect(enrolList(store, file('list.csv'), file('out.csv'))).rejects.toMatchObject({
        remedy: 'Name a file that is not there yet.',
      });
      expect(await readFile(file('out.csv'), 'utf8')).toBe('passwords of yesterday');
      expect(store.list()).toEqual([]);
    });
  });
}
