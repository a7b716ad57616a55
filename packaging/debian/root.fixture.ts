// For tests: a fresh Debian in a folder, in which programs run as on a machine of its own but for the network.
import { execFile, execFileSync, spawn } from 'node:child_process';
import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SCRIPT = fileURLToPath(new URL('root.fixture.sh', import.meta.url));
const ARCHIVE = join(ROOT, '.tmp', 'debian-13.tar');
const MAX_OUTPUT = 64 * 1024 * 1024;
/** Its own processes and mounts, which end with the program; /dev is that of this machine. */
const ENTER = [
  'mount -t proc proc "$0/proc" || exit',
  'mount --rbind /dev "$0/dev" || exit',
  'chroot "$0" env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive "$@"',
  // The shell stays: a daemon that changes its user would outlive who started it.
  'exit $?',
].join('; ');

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export class DebianRoot {
  readonly folder: string;

  /**
   * Debian 13 with Node and Mosquitto, made from the network the first time.
   * @param folder an empty one
   */
  constructor(folder: string) {
    execFileSync('sh', [SCRIPT, folder, ARCHIVE], { stdio: ['ignore', 'ignore', 'inherit'] });
    this.folder = folder;
  }

  path(path: string): string {
    return join(this.folder, path);
  }

  read(path: string): string {
    return readFileSync(this.path(path), 'utf8');
  }

  write(path: string, text: string, mode = 0o644): void {
    writeFileSync(this.path(path), text, { mode });
  }

  /** Runs a program there to its end. An exit code other than 0 is no error. */
  run(...command: string[]): Promise<Ran> {
    return new Promise((resolve) => {
      const options = { encoding: 'utf8', maxBuffer: MAX_OUTPUT } as const;
      execFile('unshare', this.enter(command), options, (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 255;
        resolve({ code, stdout, stderr });
      });
    });
  }

  /** Starts a program there. It ends with this process at the latest, and when it is killed. */
  start(...command: string[]) {
    return spawn('unshare', this.enter(command), { stdio: ['ignore', 'pipe', 'pipe'] });
  }

  /** With apt, from a file of this machine. */
  install(file: string, ...options: string[]): Promise<Ran> {
    const place = `/var/tmp/${basename(file)}`;
    cpSync(file, this.path(place));
    return this.run('apt-get', 'install', '--yes', ...options, place);
  }

  /** Every file and link below some folders, sorted. */
  files(...folders: string[]): string[] {
    return folders
      .filter((folder) => existsSync(this.path(folder)))
      .flatMap((folder) =>
        readdirSync(this.path(folder), { recursive: true, withFileTypes: true })
          .filter((entry) => !entry.isDirectory())
          .map((entry) => join(entry.parentPath, entry.name).slice(this.folder.length)),
      )
      .toSorted();
  }

  private enter(command: readonly string[]): string[] {
    const apart = ['--mount', '--pid', '--fork', '--kill-child', '--propagation', 'private'];
    return [...apart, 'sh', '-c', ENTER, this.folder, ...command];
  }
}
