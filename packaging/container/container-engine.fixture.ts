// For tests: podman with its own images, networks and mounts in a folder, which leaves nothing behind.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const MAX_OUTPUT = 64 * 1024 * 1024;

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export class ContainerEngine {
  private readonly folder: string;
  private readonly env: NodeJS.ProcessEnv;
  /** Keeps the mounts. It ends with this process at the latest, when nobody holds its input. */
  private readonly keeper: ChildProcess;

  /**
   * @param folder an empty one
   * @throws where this is not root
   */
  constructor(folder: string) {
    if (process.getuid?.() !== 0) throw new Error('containers are tried by root alone');
    this.folder = folder;
    const at = (name: string) => join(folder, name);
    mkdirSync(at('networks'), { recursive: true });
    writeFileSync(
      at('storage.conf'),
      `[storage]\ndriver = "overlay"\nrunroot = "${at('run')}"\ngraphroot = "${at('graph')}"\n`,
    );
    writeFileSync(
      at('containers.conf'),
      [
        '[containers]',
        // More than this machine's own limits cannot be given where it is a container itself.
        'default_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]',
        '[engine]',
        'cgroup_manager = "cgroupfs"',
        'events_logger = "file"',
        'lock_type = "file"',
        `tmp_dir = "${at('tmp')}"`,
        '[network]',
        'network_backend = "netavark"',
        `network_config_dir = "${at('networks')}"`,
        '',
      ].join('\n'),
    );
    this.env = {
      ...process.env,
      CONTAINERS_CONF: at('containers.conf'),
      CONTAINERS_STORAGE_CONF: at('storage.conf'),
    };
    // crun refuses where control groups are of both versions; containers need but one.
    const keep = 'umount /sys/fs/cgroup/unified 2>/dev/null; echo; exec cat';
    this.keeper = spawn('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', keep], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
  }

  async open(): Promise<void> {
    await new Promise((resolve, reject) => {
      this.keeper.stdout?.once('data', resolve);
      this.keeper.once('close', () => reject(new Error('no namespace for mounts can be made')));
    });
  }

  /** Runs podman to its end. An exit code other than 0 is no error. */
  run(...args: string[]): Promise<Ran> {
    const command = ['--target', String(this.keeper.pid), '--mount', '--', 'podman', ...args];
    return new Promise((resolve) => {
      const options = { encoding: 'utf8', env: this.env, maxBuffer: MAX_OUTPUT } as const;
      execFile('nsenter', command, options, (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 255;
        resolve({ code, stdout: stdout.trim(), stderr: stderr.trim() });
      });
    });
  }

  /** What podman prints. @throws where it fails, with what it said */
  async must(...args: string[]): Promise<string> {
    const { code, stderr, stdout } = await this.run(...args);
    if (code !== 0)
      throw new Error(`podman ${args.join(' ')} ended with ${code}:\n${stdout}\n${stderr}`);
    return stdout;
  }

  /** Ends all containers and removes everything. */
  async close(): Promise<void> {
    await this.run('rm', '--all', '--force', '--time=0');
    await this.run('network', 'prune', '--force');
    this.keeper.stdin?.end();
    await new Promise((resolve) => this.keeper.once('close', resolve));
    rmSync(this.folder, { recursive: true, force: true });
  }
}
