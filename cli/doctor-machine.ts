// What the doctor finds on the machine: Node, libraries, clock and disk.
import '../models/ort-without-telemetry.ts';
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync, statfsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { failed, type Finding, failure, ok, warning } from './doctor-finding.ts';
import { PACKAGE_ROOT } from './package-root.ts';
import { isPackaged } from './service-units.ts';

const MEBIBYTE = 1024 ** 2;
/** What a journal and a session need at least, and what they should have. */
const DISK = { least: 64 * MEBIBYTE, enough: 512 * MEBIBYTE };
/** Lines of Node that still get security fixes begin here. */
const SUPPORTED_NODE = 22;

/** @param version such as `20.19.1` */
export function checkNode(version: string): Finding {
  const { engines } = JSON.parse(readFileSync(join(PACKAGE_ROOT, 'package.json'), 'utf8')) as {
    readonly engines: { readonly node: string };
  };
  const needed = engines.node.replace('>=', '');
  if (!isAtLeast(version, needed)) {
    return failed('node', `Node ${version}, needed is ${needed}`, 'Install Node 24.');
  }
  if (!isAtLeast(version, `${SUPPORTED_NODE}`)) {
    const detail = `Node ${version} works; its makers mend it no more (Debian 13 does, its own)`;
    return warning('node', detail, 'Install Node 24 (22 where @tensorflow/tfjs-node is wanted).');
  }
  return ok('node', `Node ${version}`);
}

function isAtLeast(version: string, needed: string): boolean {
  return version.localeCompare(needed, 'en', { numeric: true }) >= 0;
}

/** Libraries with machine code, which may be missing for this machine: the model's, the store's, systemd's. */
const LIBRARIES = ['onnxruntime-node', 'classic-level', 'koffi'];

/**
 * @param load gives the library, or throws
 * @param isDebian whether Echolot came with Debian's package
 */
export async function checkLibraries(
  load: (name: string) => Promise<unknown> = (name) => import(name),
  isDebian = isPackaged(),
): Promise<Finding> {
  for (const name of LIBRARIES) {
    try {
      await load(name);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      const how = isDebian ? 'apt-get install --reinstall echolot' : 'npm ci';
      const remedy = `Install again on this machine ("${how}"); there is a ${name} for Linux on x64 and arm64.`;
      return failed('libraries', `${name} cannot be loaded: ${why}`, remedy);
    }
  }
  return ok('libraries', LIBRARIES.join(', '));
}

/** What `timedatectl` says, where systemd runs: `yes`, `no`, or nothing. */
export function readSynchronized(): string {
  const args = ['show', '--property=NTPSynchronized', '--value'];
  return spawnSync('timedatectl', args, { encoding: 'utf8' }).stdout?.trim() ?? '';
}

/**
 * @param nowMs the clock of this machine
 * @param heartbeatsMs the instants that other agents wrote into what they said last
 * @param synchronized `yes`, `no` or nothing
 */
export function checkClock(
  nowMs: number,
  heartbeatsMs: readonly number[],
  synchronized: string,
): Finding {
  const remedy = 'Set the clock, and let systemd-timesyncd or chrony keep it.';
  const iso = new Date(nowMs).toISOString();
  if (nowMs < statSync(join(PACKAGE_ROOT, 'package.json')).mtimeMs - 86_400_000) {
    return failed('clock', `${iso} is before this program was installed`, remedy);
  }
  const aheadS = Math.round((Math.max(nowMs, ...heartbeatsMs) - nowMs) / 1000);
  if (aheadS > 60) {
    const detail = `${iso}; another agent's last word is of ${aheadS} s later`;
    return failed('clock', detail, `One of the two is wrong. ${remedy}`);
  }
  if (synchronized === 'no') return warning('clock', `${iso}, not synchronised`, remedy);
  return ok('clock', synchronized === 'yes' ? `${iso}, synchronised` : iso);
}

/** @param folder of the service; it need not be there yet */
export function checkDisk(folder: string): Finding {
  const nearest = nearestFolder(folder);
  try {
    const { bavail, bsize } = statfsSync(nearest);
    const free = bavail * bsize;
    const detail = `${Math.floor(free / MEBIBYTE)} MiB free for ${folder}`;
    const remedy =
      'Free some space: what is in hand is noted there, and noted nowhere if it is full.';
    if (free < DISK.least) return failed('disk', detail, remedy);
    accessSync(nearest, constants.W_OK);
    return free < DISK.enough ? warning('disk', detail, remedy) : ok('disk', detail);
  } catch (error) {
    return failure('disk', error, `Let the user of the agent write to ${nearest}.`);
  }
}

function nearestFolder(folder: string): string {
  return existsSync(folder) || dirname(folder) === folder ? folder : nearestFolder(dirname(folder));
}
