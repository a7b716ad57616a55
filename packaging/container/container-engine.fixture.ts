// For tests: podman with its own images, networks and mounts in a folder; all of it ends with the test.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Processes, mounts, networks and rules of a firewall are made there, and end with it. */
const APART = ['--mount', '--pid', '--net'];
/** As APART, with this machine's network. */
const ONLINE = ['--mount', '--pid'];
const KEEP = [
  // crun refuses where control groups are of both versions; containers need but one.
  'umount /sys/fs/cgroup/unified 2>/dev/null',
  'for each in /run/netns /run/containers; do mkdir -p $each && mount -t tmpfs tmpfs $each; done',
  'ip link set lo up',
  'echo',
  'exec cat',
].join('; ');
const MAX_OUTPUT = 64 * 1024 * 1024;

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export class ContainerEngine {
  private readonly folder: string;
  private readonly env: NodeJS.ProcessEnv;
  /** Keeps all that. It ends with this process at the latest, when nobody holds its input. */
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
    const how = ['--fork', '--kill-child', '--mount-proc', '--propagation', 'private'];
    this.keeper = spawn('unshare', [...APART, ...how, 'sh', '-c', KEEP], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
  }

  async open(): Promise<void> {
    await new Promise((resolve, reject) => {
      this.keeper.stdout?.once('data', resolve);
      this.keeper.once('close', () => reject(new Error('no namespace for mounts can be made')));
    });
  }

  /** Runs podman to its end. An exit code other than 0 is no error. Only a build reaches this machine's network. */
  run(...args: string[]): Promise<Ran> {
    const { pid } = this.keeper;
    const first = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    const spaces = args[0] === 'build' ? ONLINE : APART;
    const command = ['--target', first, ...spaces, '--', 'podman', ...args];
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
    // One whose network another one shares goes after that one.
    for (
      let left = 3;
      left > 0 && (await this.run('ps', '--all', '--quiet')).stdout !== '';
      left -= 1
    ) {
      await this.run('rm', '--all', '--force', '--time=0');
    }
    await this.run('network', 'prune', '--force');
    this.keeper.stdin?.end();
    await new Promise((resolve) => this.keeper.once('close', resolve));
    rmSync(this.folder, { recursive: true, force: true });
  }
}
