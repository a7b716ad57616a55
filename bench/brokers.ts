// The brokers under the benchmark, each a process of its own, with the identities that it needs.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openIdentityStore } from '../broker/identity-store.ts';
import { freePort, startMosquitto } from '../bus/mosquitto.fixture.ts';

export const CLI = new URL('../dist/cli/echolot.js', import.meta.url).pathname;

export type BrokerName = 'mosquitto' | 'embedded';

export interface BenchBroker {
  readonly url: string;
  /** The file that holds the password of `name`. */
  passwordFile(name: string): string;
  stop(): Promise<void>;
}

const IDENTITIES = [
  ['load', 'client'],
  ['echolot', 'predictor'],
  ['bare', 'predictor'],
] as const;

export async function startBroker(name: BrokerName): Promise<BenchBroker> {
  const folder = await mkdtemp(join(tmpdir(), 'echolot-bench-'));
  const storeFolder = join(folder, 'store');
  await mkdir(storeFolder, { mode: 0o700 });
  const store = await openIdentityStore(storeFolder);
  const passwordFile = (identity: string) => join(folder, `${identity}.password`);
  for (const [identity, role] of IDENTITIES) {
    const { password } = await store.add(identity, role);
    await writeFile(passwordFile(identity), password, { mode: 0o600 });
  }
  const broker = name === 'mosquitto' ? await startMosquitto() : await startEmbedded(storeFolder);
  return {
    url: broker.url,
    passwordFile,
    async stop() {
      await broker.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function startEmbedded(store: string) {
  const port = await freePort();
  const flags = [
    '--store',
    store,
    '--port',
    String(port),
    '--ws-port',
    'off',
    '--log-level',
    'error',
  ];
  const child = startProcess([CLI, 'broker', ...flags]);
  return { url: `mqtt://127.0.0.1:${port}`, stop: () => stopProcess(child) };
}

/** A Node process whose errors are shown. */
export function startProcess(args: readonly string[]): ChildProcess {
  return spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
}

export async function stopProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  await exit;
}
