// For tests: a machine with a real systemd, on which services are installed as an administrator would.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { readFileSync, rmdirSync } from 'node:fs';
import { basename } from 'node:path';
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

  /** @param folder an empty one, for its files */
  constructor(folder: string) {
    this.folder = folder;
    this.child = spawn('sh', [SCRIPT, folder, PACKAGE_ROOT], { stdio: ['ignore', 'pipe', 'pipe'] });
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
    const enter = ['--target', target, '--mount', '--pid', '--uts', '--ipc', '--cgroup', '--'];
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
    for (const tree of TREES) {
      try {
        rmdirSync(`${tree}/${basename(this.folder)}`);
      } catch {
        // The other tree has it.
      }
    }
  }
}
