// For tests: a machine with a real systemd, on which services are installed as an administrator would.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { PACKAGE_ROOT } from './package-root.ts';

const SCRIPT = fileURLToPath(new URL('booted-machine.fixture.sh', import.meta.url));
const TREES = ['/sys/fs/cgroup/systemd', '/sys/fs/cgroup'];
const POLL_MS = 250;

export class BootedMachine {
  private readonly folder: string;
  private readonly child: ChildProcess;
  private readonly ended: Promise<string>;

  /**
   * @param folder an empty one, for its files
   * @param content for its /opt: the folder of what was built, or one of Debian packages
   * @param root the folder of another system, which then also has a network of its own; default: this machine's files
   */
  constructor(folder: string, content = PACKAGE_ROOT, root = '') {
    this.folder = folder;
    this.child = spawn('sh', [SCRIPT, folder, content], {
      env: { ...process.env, BOOT_ROOT: root },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => (said += text));
    }
    this.ended = new Promise((resolve) => {
      this.child.once('close', () => resolve(said));
      this.child.once('error', (error) => resolve(error.message));
    });
  }

  /** Waits until its systemd takes orders. */
  async boot(): Promise<void> {
    const ended = this.ended.then((said) => {
      throw new Error(`no systemd could be booted (it takes root and namespaces): ${said}`);
    });
    const ready = this.until(async () => {
      const { stdout } = await this.run('systemctl', 'is-system-running').catch(() => ({
        stdout: '',
      }));
      return /running|starting|degraded/.test(stdout);
    });
    await Promise.race([ready, ended]);
  }

  /** Runs a program there. An exit code other than 0 is no error. */
  async run(...command: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
    const children = `/proc/${this.child.pid}/task/${this.child.pid}/children`;
    const target = readFileSync(children, 'utf8').trim();
    const enter = [
      '--target',
      target,
      '--mount',
      '--pid',
      '--uts',
      '--ipc',
      '--cgroup',
      '--net',
      '--',
    ];
    try {
      return { code: 0, ...(await promisify(execFile)('nsenter', [...enter, ...command])) };
    } catch (error) {
      const failed = error as { code?: unknown; stdout?: string; stderr?: string };
      if (typeof failed.code !== 'number') throw error;
      return { code: failed.code, stdout: failed.stdout ?? '', stderr: failed.stderr ?? '' };
    }
  }

  echolot(...args: string[]) {
    return this.run(process.execPath, '/opt/echolot/dist/cli/echolot.js', ...args);
  }

  /** What the processes of a unit wrote, without what systemd says of them. */
  async log(unit: string): Promise<string[]> {
    const query = ['--output=cat', `--unit=${unit}`, '_TRANSPORT=stdout'];
    return (await this.run('journalctl', ...query)).stdout.trim().split('\n');
  }

  /** A property of a unit, as `systemctl show` has it. */
  async show(unit: string, property: string): Promise<string> {
    return (
      await this.run('systemctl', 'show', '--property', property, '--value', unit)
    ).stdout.trim();
  }

  /** Waits as long as the test may take. */
  async until(isSo: () => Promise<boolean>): Promise<void> {
    while (!(await isSo())) await setTimeout(POLL_MS);
  }

  /** Everything in it ends with it. */
  async stop(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
    // Its processes are on their way out, and a group with one in it is busy.
    await this.until(async () =>
      TREES.every((tree) => removeGroup(join(tree, basename(this.folder)))),
    );
  }
}

/** The files of a control group cannot be removed; its folders can, the deepest first. */
function removeGroup(path: string): boolean {
  if (!existsSync(path)) return true;
  try {
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      if (entry.isDirectory()) removeGroup(join(path, entry.name));
    }
    rmdirSync(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EBUSY') return false;
    throw error;
  }
}
