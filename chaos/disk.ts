// A small disk of its own on a folder, that can be filled up and freed; Linux as root.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile, realpath, rm, stat } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { isAlive } from '../agent/is-alive.ts';

export interface SmallDisk {
  readonly folder: string;
  /** Writes until nothing more fits: every write to the folder fails with ENOSPC. */
  fill(): Promise<void>;
  /** Takes away what `fill` wrote. */
  free(): Promise<void>;
  /** All that is on the disk is gone; the folder stays, empty. */
  stop(): Promise<void>;
}

export type SmallDiskOutcome =
  | { readonly ok: true; readonly disk: SmallDisk }
  /** `reason` is for a report: why there is none on this machine. */
  | { readonly ok: false; readonly reason: string };

/** The mount's source, with the process that wants it: so leftovers are known. */
const SOURCE = 'echolot-chaos-';
const BALLAST = '.ballast';
const BLOCK_BYTES = 1024 * 1024;

/**
 * Mounts, waits until its standard input ends, which it does however the process ends that started it,
 * and takes the mount away; lazily where somebody still has a file open.
 */
const KEEPER = `mount -t tmpfs -o "size=$1,mode=0777" "$2" "$3" || exit 1
echo mounted; read -r _; umount "$3" 2>/dev/null || umount -l "$3"`;

/**
 * Puts a disk (tmpfs) of so many bytes on an empty folder that exists. It goes away with this process, even if
 * that is killed; what a killed keeper left behind is taken away first.
 */
export async function startSmallDisk(options: {
  readonly folder: string;
  readonly bytes: number;
}): Promise<SmallDiskOutcome> {
  if (process.platform !== 'linux') return refuse(`it needs Linux, this is ${process.platform}`);
  if (process.getuid?.() !== 0) return refuse('mounting one needs root');
  await removeLeftoverDisks();
  const folder = await realpath(options.folder);
  const source = `${SOURCE}${process.pid}`;
  const args = ['-c', KEEPER, 'sh', String(options.bytes), source, folder];
  // Not of the terminal's group: Ctrl-C shall not end it before its work is done.
  const keeper = spawn('sh', args, { detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
  const said = await firstWord(keeper);
  if (said !== 'mounted') return refuse(`mount said: ${said}`);
  // It shall not keep this process alive: its end is what the keeper waits for.
  keeper.unref();
  (keeper.stdin as Socket).unref();
  const ballast = join(folder, BALLAST);
  const { dev } = await stat(folder);
  return {
    ok: true,
    disk: {
      folder,
      fill: () => fill(ballast, dev),
      free: () => rm(ballast, { force: true }),
      async stop() {
        if (keeper.exitCode !== null || keeper.signalCode !== null) return;
        const ended = once(keeper, 'exit');
        keeper.ref();
        keeper.stdin?.end();
        await ended;
      },
    },
  };
}

/** Unmounts disks whose process is gone; without the right to, it leaves them. Returns their folders. */
export async function removeLeftoverDisks(): Promise<string[]> {
  const mounts = await readFile('/proc/self/mounts', 'utf8').catch(() => '');
  const removed: string[] = [];
  for (const { folder, pid } of findDisks(mounts)) {
    if (isAlive(pid)) continue;
    await promisify(execFile)('umount', ['-l', folder])
      .then(() => removed.push(folder))
      .catch(() => undefined);
  }
  return removed;
}

/** Reads /proc/self/mounts, where blanks and the like in a path are written in octal. */
export function findDisks(mounts: string): { readonly folder: string; readonly pid: number }[] {
  return mounts.split('\n').flatMap((line) => {
    const [source = '', folder = ''] = line.split(' ');
    const pid = Number(source.slice(SOURCE.length));
    if (!source.startsWith(SOURCE) || !Number.isInteger(pid) || pid < 1) return [];
    const bytes = folder.replace(/\\([0-7]{3})/g, (_, octal: string) =>
      String.fromCharCode(Number.parseInt(octal, 8)),
    );
    return [{ folder: bytes, pid }];
  });
}

function refuse(why: string): SmallDiskOutcome {
  return { ok: false, reason: `no disk that can be full: ${why}` };
}

async function firstWord(keeper: ChildProcess): Promise<string> {
  let said = '';
  return new Promise<string>((resolve) => {
    const onText = (text: string) => {
      said += text;
      if (said.startsWith('mounted\n')) resolve('mounted');
    };
    keeper.stdout?.setEncoding('utf8').on('data', onText);
    keeper.stderr?.setEncoding('utf8').on('data', onText);
    keeper.once('error', (error) => resolve(error.message));
    keeper.once('close', (code) => resolve(said.trim() || `exit ${code}`));
  }).finally(() => {
    keeper.stdout?.destroy();
    keeper.stderr?.destroy();
  });
}

/**
 * A block that does not fit as a whole is written as far as there is room.
 * @throws {Error} the disk is gone: what is under it must not be filled
 */
async function fill(path: string, device: number): Promise<void> {
  const file = await open(path, 'a');
  const block = Buffer.alloc(BLOCK_BYTES);
  try {
    if ((await file.stat()).dev !== device) {
      throw new Error(`the small disk of ${path} is gone: somebody has unmounted it`);
    }
    for (;;) await file.write(block);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  } finally {
    await file.close();
  }
}
