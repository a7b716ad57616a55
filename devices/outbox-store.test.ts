import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { afterEach, describe, expect, it } from 'vitest';
import type { KeptReading } from './outbox-queue.ts';
import { openOutboxStore } from './outbox-store.ts';

const toClose: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of toClose.splice(0).reverse()) await close();
});

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'echolot-outbox-test-'));
  toClose.push(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'outbox');
}

async function open(folder: string) {
  const opened = await openOutboxStore(folder);
  toClose.push(() => opened.store.close());
  return opened;
}

function reading(number: number, change: Partial<KeptReading> = {}): KeptReading {
  return {
    number,
    id: `r-${number}`,
    model: 'sonar',
    width: 3,
    bytes: 100,
    capturedAtMs: 1000 + number,
    attempts: 0,
    ...change,
  };
}

const payload = (number: number) => Buffer.alloc(100, `payload ${number}`);

async function filled(folder: string, count: number): Promise<void> {
  const { store } = await openOutboxStore(folder);
  const numbers = Array.from({ length: count }, (_, at) => at + 1);
  await Promise.all(numbers.map((number) => store.put(reading(number), payload(number))));
  await store.close();
}

const dataFile = (folder: string) =>
  join(folder, readdirSync(folder).find((name) => name.endsWith('.log')) as string);

describe('the outbox on disk', () => {
  it('keeps readings over a reopening, in order, with their payloads and attempts', async () => {
    const folder = makeFolder();
    await filled(folder, 300);
    const first = await openOutboxStore(folder);
    first.store.remove(reading(2));
    first.store.noteAttempts(reading(3, { attempts: 4 }));
    await first.store.close();
    const { damage, kept, store } = await open(folder);
    expect(damage).toBeNull();
    expect(kept.map(({ number }) => number)).toEqual(
      Array.from({ length: 300 }, (_, at) => at + 1).filter((number) => number !== 2),
    );
    expect(kept[1]).toEqual(reading(3, { attempts: 4 }));
    const two = [reading(3), reading(2)];
    expect(await store.read(two)).toEqual([payload(3), null]);
  });

  it('leaves nothing behind of what was removed', async () => {
    const folder = makeFolder();
    const { store } = await openOutboxStore(folder);
    const tried = reading(1, { attempts: 1 });
    await store.put(tried, payload(1));
    store.noteAttempts(tried);
    store.remove(tried);
    await store.close();
    const level = new ClassicLevel(folder);
    expect(await level.keys().all()).toEqual(['format']);
    await level.close();
  });

  it('stays closed, whatever comes after', async () => {
    const folder = makeFolder();
    const { store } = await openOutboxStore(folder);
    await store.put(reading(1), payload(1));
    await store.close();
    store.remove(reading(1));
    store.noteAttempts(reading(1, { attempts: 1 }));
    await expect(store.put(reading(2), payload(2))).rejects.toThrow('closed');
    const { kept } = await open(folder);
    expect(kept).toEqual([reading(1)]);
  });

  it('writes what was handed over before it is closed', async () => {
    const folder = makeFolder();
    const { store } = await openOutboxStore(folder);
    const stored = store.put(reading(1), payload(1));
    await store.close();
    await stored;
    expect((await open(folder)).kept).toEqual([reading(1)]);
  });

  it('says who has it where it is in use, and takes nothing then', async () => {
    const folder = makeFolder();
    await open(folder);
    await expect(openOutboxStore(folder)).rejects.toMatchObject({
      code: 'OUTBOX_IN_USE',
      exitCode: 75,
      message: expect.stringContaining(folder),
    });
  });

  it('is not made in a folder with other files', async () => {
    const folder = makeFolder();
    const parent = join(folder, '..');
    writeFileSync(join(parent, 'notes.txt'), 'mine');
    await expect(openOutboxStore(parent)).rejects.toMatchObject({
      code: 'OUTBOX_UNUSABLE',
      message: expect.stringContaining('notes.txt'),
    });
    expect(readdirSync(parent)).toEqual(['notes.txt']);
  });

  it("is not looked for in another program's database", async () => {
    const folder = makeFolder();
    const level = new ClassicLevel(folder);
    await level.put('session/1', 'x');
    await level.close();
    await expect(openOutboxStore(folder)).rejects.toMatchObject({ code: 'OUTBOX_UNUSABLE' });
  });

  it('is not made where it is only to be read', async () => {
    const folder = makeFolder();
    await expect(openOutboxStore(folder, false)).rejects.toMatchObject({ code: 'OUTBOX_MISSING' });
    expect(() => readdirSync(folder)).toThrow();
  });

  it('refuses a path that leads through a file', async () => {
    const folder = makeFolder();
    writeFileSync(folder, '');
    await expect(openOutboxStore(join(folder, 'outbox'))).rejects.toMatchObject({
      code: 'OUTBOX_UNUSABLE',
      exitCode: 78,
    });
  });

  it('is called damaged where CURRENT is spoilt or gone', async () => {
    const folder = makeFolder();
    await filled(folder, 3);
    writeFileSync(join(folder, 'CURRENT'), 'rubbish\n');
    const error = { code: 'OUTBOX_DAMAGED', exitCode: 78, remedy: expect.stringContaining('Move') };
    await expect(openOutboxStore(folder)).rejects.toMatchObject(error);
    rmSync(join(folder, 'CURRENT'));
    await expect(openOutboxStore(folder)).rejects.toMatchObject(error);
  });

  it('tells of records that the database had to leave out', async () => {
    const folder = makeFolder();
    await filled(folder, 500);
    const path = dataFile(folder);
    writeFileSync(path, readFileSync(path).fill(7, 40_000, 41_000));
    const { damage, kept } = await open(folder);
    expect(kept.length).toBeLessThan(500);
    expect(damage).toMatch(/dropping \d+ bytes/);
  });

  it('finishes a folder whose making was cut off', async () => {
    const folder = makeFolder();
    await filled(folder, 0);
    for (const name of readdirSync(folder)) {
      if (name === 'CURRENT' || name.endsWith('.log')) rmSync(join(folder, name));
    }
    const { kept } = await open(folder);
    expect(kept).toEqual([]);
  });

  it('opens after the end of its file was cut off, with all that was written before', async () => {
    const folder = makeFolder();
    const { store } = await openOutboxStore(folder);
    for (const number of [1, 2, 3]) await store.put(reading(number), payload(number));
    await store.close();
    const path = dataFile(folder);
    writeFileSync(path, readFileSync(path).subarray(0, -20));
    const { damage, kept } = await open(folder);
    expect(kept.map(({ number }) => number)).toEqual([1, 2]);
    expect(damage).toBeNull();
  });
});
