// The brokers under the benchmark, each a process of its own, with the identities that it needs.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openIdentityStore } from '../broker/identity-store.ts';
import { startRenderedMosquitto } from '../broker/rendered-mosquitto.fixture.ts';
import { freePort } from '../bus/mosquitto.fixture.ts';
import type { Login } from './wire-client.ts';

export const CLI = new URL('../dist/cli/echolot.js', import.meta.url).pathname;

export type BrokerName = 'mosquitto' | 'embedded';
export const BROKERS: readonly BrokerName[] = ['mosquitto', 'embedded'];

export interface BenchBroker {
  readonly name: BrokerName;
  /** Where clients connect. */
  readonly url: string;
  /** Where predictors connect. */
  readonly innerUrl: string;
  /** The process of the embedded broker. */
  readonly pid: number | null;
  /** Clients beside `load`, as many as were asked for. */
  readonly logins: readonly Login[];
  /** The file that holds the password of `load` or of a predictor. */
  passwordFile(name: string): string;
  stop(): Promise<void>;
}

interface Needs {
  readonly predictors: readonly string[];
  /** What they serve. */
  readonly models: readonly string[];
  readonly clients?: number;
}

/** A broker with access rules, as `echolot policy render mosquitto` or `echolot broker` has them. */
export async function startBroker(name: BrokerName, needs: Needs): Promise<BenchBroker> {
  const folder = await mkdtemp(join(tmpdir(), 'echolot-bench-'));
  const storeFolder = join(folder, 'store');
  await mkdir(storeFolder, { mode: 0o700 });
  const store = await openIdentityStore(storeFolder);
  const passwordFile = (identity: string) => join(folder, `${identity}.password`);
  const predictors = needs.predictors.map((identity) => {
    return { name: identity, role: 'predictor' as const };
  });
  for (const added of await store.addAll([{ name: 'load', role: 'client' }, ...predictors])) {
    await writeFile(passwordFile(added.name), added.password, { mode: 0o600 });
  }
  const clients = Array.from({ length: needs.clients ?? 0 }, (_, index) => {
    return { name: `c-${index}`, role: 'client' as const };
  });
  const logins = clients.length === 0 ? [] : await store.addAll(clients);
  const broker =
    name === 'mosquitto'
      ? await startMosquitto(storeFolder, needs.models)
      : await startEmbedded(storeFolder);
  return {
    name,
    ...broker,
    logins,
    passwordFile,
    async stop() {
      await broker.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function startMosquitto(store: string, models: readonly string[]) {
  const broker = await startRenderedMosquitto(store, { models, probes: false });
  const { clientsUrl: url, innerUrl } = broker;
  return { url, innerUrl, pid: null, stop: () => broker.stop() };
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
  const url = `mqtt://127.0.0.1:${port}`;
  return { url, innerUrl: url, pid: child.pid ?? null, stop: () => stopProcess(child) };
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
