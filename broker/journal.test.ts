// The journal on disk: what is there when it is opened again, and who may open it.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openJournal, unusable } from './journal.ts';

let folder: string;
let lines: Record<string, unknown>[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'echolot-journal-'));
  lines = [];
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const open = () => openJournal(folder, pino({}, { write: (line) => lines.push(JSON.parse(line)) }));

describe('the journal', () => {
  it('holds the last word on every key, in the order of the keys, once it is closed', async () => {
    const { entries, journal } = await open();
    expect(entries).toEqual([]);
    for (let at = 999; at >= 0; at -= 1) {
      journal.set(`k/${String(at).padStart(3, '0')}`, { at, payload: Buffer.from('x') });
    }
    journal.set('k/000', { at: 'changed' });
    journal.set('k/001', null);
    journal.set('gone', { at: 1 });
    // What is set while it writes comes after.
    await new Promise((resolve) => setImmediate(resolve));
    journal.set('gone', null);
    await journal.close();

    const again = await open();
    await again.journal.close();
    expect(again.entries).toHaveLength(999);
    expect(again.entries[0]).toEqual(['k/000', { at: 'changed' }]);
    expect(again.entries[1]?.[0]).toBe('k/002');
    expect(again.entries[1]?.[1]).toMatchObject({ at: 2 });
    expect(lines).toEqual([]);
  });

  it('says how many records cannot be read, and gives the others', async () => {
    const level = new ClassicLevel<string, Buffer>(folder, { valueEncoding: 'buffer' });
    await level.put('bad', Buffer.from([0xff, 0xff]));
    await level.close();
    const first = await open();
    first.journal.set('good', { at: 1 });
    await first.journal.close();
    const again = await open();
    await again.journal.close();
    expect(again.entries).toEqual([['good', { at: 1 }]]);
    expect(lines.at(-1)).toMatchObject({ level: 50, unreadable: 1 });
  });

  it('asks for space where the disk is full, and may be tried again', () => {
    const cause = new Error('IO error: /data/MANIFEST-000002: No space left on device');
    const full = unusable('/data', new Error('Database failed to open', { cause }));
    expect(full).toMatchObject({ exitCode: 75, remedy: expect.stringContaining('space') });
    expect(unusable('/data', new Error('Corruption: bad magic'))).toMatchObject({ exitCode: 78 });
  });

  it('is of one broker at a time, and can be had again once that has closed it', async () => {
    const { journal } = await open();
    await expect(open()).rejects.toMatchObject({
      code: 'DATA_FOLDER_UNUSABLE',
      exitCode: 78,
      message: `another broker is using the data folder ${folder}`,
    });
    await journal.close();
    await (await open()).journal.close();
  });
});
