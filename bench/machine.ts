// Where and with what a run was made: figures without it say nothing.
import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { pythonVersions } from './python.ts';

export interface Machine {
  readonly date: string;
  /** Of the project; with `+` where files were changed since. */
  readonly commit: string;
  readonly processor: string;
  readonly memory: string;
  readonly system: string;
  /** Processes that ran or waited to run in the last minute, before the benchmark began. */
  readonly loadBefore: number;
  readonly versions: Readonly<Record<string, string>>;
}

const PACKAGES = ['mqtt', 'onnxruntime-node', 'aedes', 'cbor-x'];

export async function describeMachine(): Promise<Machine> {
  const all = cpus();
  const versions: Record<string, string> = {
    node: process.version,
    mosquitto: outputOf('mosquitto', ['-h']).match(/version (\S+)/)?.[1] ?? 'not there',
    python: pythonVersions() ?? 'without paho or scikit-learn',
  };
  for (const name of PACKAGES) versions[name] = await versionOf(name);
  const osRelease = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const distribution = /^PRETTY_NAME="(.*)"$/m.exec(osRelease)?.[1] ?? 'unknown distribution';
  const changed =
    outputOf('git', ['status', '--porcelain', '--untracked-files=no']) === '' ? '' : '+';
  return {
    date: new Date().toISOString(),
    commit: outputOf('git', ['rev-parse', '--short', 'HEAD']) + changed,
    processor: `${all.length} × ${all[0]?.model.trim() ?? 'unknown'}`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    system: `${distribution}, Linux ${release().split('-')[0]}`,
    loadBefore: loadavg()[0] ?? 0,
    versions,
  };
}

async function versionOf(name: string): Promise<string> {
  const file = new URL(`../node_modules/${name}/package.json`, import.meta.url);
  return (JSON.parse(await readFile(file, 'utf8')) as { version: string }).version;
}

function outputOf(command: string, args: readonly string[]): string {
  const { stdout } = spawnSync(command, args, { encoding: 'utf8' });
  return stdout?.trim() ?? '';
}
