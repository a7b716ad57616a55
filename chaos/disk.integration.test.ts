// A disk that is filled, freed and taken away, also by the end of its process; without root it says why not.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it } from 'vitest';
import { removeLeftoverDisks, type SmallDisk, startSmallDisk } from './disk.ts';

const CHILD = fileURLToPath(new URL('./disk.child.ts', import.meta.url));
const canMount = process.platform === 'linux' && process.getuid?.() === 0;
const toClose: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of toClose.splice(0).reverse()) await close();
});

async function makeFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'echolot disk-'));
  toClose.push(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function startDisk(folder: string): Promise<SmallDisk> {
  const outcome = await startSmallDisk({ folder, bytes: 2.5 * 2 ** 20 });
  if (!outcome.ok) throw new Error(`run this test where tmpfs can be mounted: ${outcome.reason}`);
  toClose.push(() => outcome.disk.stop());
  return outcome.disk;
}

const isMounted = async (folder: string) =>
  (await readFile('/proc/self/mounts', 'utf8')).includes(folder.replaceAll(' ', '\\040'));
const untilUnmounted = async (folder: string) => {
  while (await isMounted(folder)) await new Promise((resolve) => setTimeout(resolve, 5));
};

if (canMount) {
  it('takes nothing more once it is full, takes it again once freed, and leaves an empty folder', async () => {
    const folder = await makeFolder();
    const disk = await startDisk(folder);
    await writeFile(join(folder, 'kept'), 'before');
    await disk.fill();
    await expect(writeFile(join(folder, 'new'), 'x')).rejects.toMatchObject({ code: 'ENOSPC' });
    expect(await readFile(join(folder, 'kept'), 'utf8')).toBe('before');
    await disk.free();
    await writeFile(join(folder, 'new'), Buffer.alloc(500_000));
    await disk.stop();
    await disk.stop();
    expect(await isMounted(folder)).toBe(false);
    expect(await readdir(folder)).toEqual([]);
  });

  it.each(['SIGKILL', 'SIGINT'] as const)('goes away with its process by %s', async (signal) => {
    const folder = await makeFolder();
    const child = spawn(process.execPath, ['--import', 'tsx', CHILD, folder]);
    toClose.push(() => child.kill('SIGKILL'));
    expect(String(await once(child.stdout, 'data'))).toBe('mounted\n');
    expect(await isMounted(folder)).toBe(true);
    child.kill(signal);
    await untilUnmounted(folder);
  });

  it('takes away what was left behind, and nothing of a process that lives', async () => {
    const [left, used] = [await makeFolder(), await makeFolder()];
    await startDisk(used);
    const gone = spawn('true');
    await once(gone, 'exit');
    execFileSync('mount', ['-t', 'tmpfs', `echolot-chaos-${gone.pid}`, left]);
    expect(await removeLeftoverDisks()).toContain(left);
    expect([await isMounted(left), await isMounted(used)]).toEqual([false, true]);
  });

  it('tells what mount said where it cannot be mounted', async () => {
    const folder = await makeFolder();
    const outcome = await startSmallDisk({ folder, bytes: Number.NaN });
    expect(outcome).toMatchObject({ ok: false, reason: expect.stringContaining('mount') });
    expect(await isMounted(folder)).toBe(false);
  });
} else {
  it('says that there is none without root', async () => {
    const outcome = await startSmallDisk({ folder: await makeFolder(), bytes: 2 ** 20 });
    expect(outcome).toMatchObject({ ok: false, reason: expect.stringMatching(/root|Linux/) });
  });
}
