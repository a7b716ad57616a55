// For tests: a Mosquitto on its rendered configuration, and agents as the processes that they are in use.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import { openIdentityStore } from '../broker/identity-store.ts';
import {
  type RenderedMosquitto,
  startRenderedMosquitto,
} from '../broker/rendered-mosquitto.fixture.ts';
import { decodeStatus } from '../schemas/encode.ts';
import type { Stats } from '../schemas/messages.ts';

const CLI = fileURLToPath(new URL('../dist/cli/echolot.js', import.meta.url));
const run = promisify(execFile);

const OPERATOR = 'operator-1';

/** `echolot agent`, built, in a process of its own. */
export class AgentProcess {
  private child: ChildProcess | null = null;
  private readonly args: readonly string[];
  private readonly onEnd: (code: number | null) => void;

  constructor(args: readonly string[], onEnd: (code: number | null) => void) {
    this.args = args;
    this.onEnd = onEnd;
  }

  start(): void {
    this.child = spawn(process.execPath, [CLI, 'agent', ...this.args], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    this.child.once('exit', (code) => this.onEnd(code));
  }

  /** The resident set of the agent and of what it started. */
  async residentBytes(): Promise<number> {
    const pid = String(this.child?.pid);
    const { stdout } = await run('ps', ['-o', 'rss=', '--pid', pid, '--ppid', pid]);
    return stdout.split('\n').reduce((sum, line) => sum + Number(line) * 1024, 0);
  }

  /** Ends it, by default as `kill -9` does, and waits until it has gone. */
  async end(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const { child } = this;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    child.kill(signal);
    await exit;
  }
}

export interface Rig {
  readonly broker: RenderedMosquitto;
  readonly folder: string;
  /** Sees everything; its session outlives the broker. */
  readonly operator: MqttClient;
  /** Every sample of `stats` that came, in order. */
  readonly stats: readonly Stats[];
  /** What an identity logs in with. */
  readonly passwordFile: (name: string) => string;
  /** A connected plain client under the identity's name. */
  readonly connect: (name: string, options?: IClientOptions) => Promise<MqttClient>;
  /** Starts an agent; `flags` beyond what it needs to log in. */
  readonly startAgent: (id: string, flags?: readonly string[]) => AgentProcess;
  /** Resolves when so many agents say that they serve; rejects where one ends by itself before. */
  untilOnline(count: number): Promise<void>;
  stop(): Promise<void>;
}

interface RigOptions {
  readonly agents: readonly string[];
  readonly clients: readonly string[];
  readonly models?: readonly string[];
}

/** Starts the broker with these identities and an operator that listens to the agents; no agent yet. */
export async function startRig({ agents, clients, models }: RigOptions): Promise<Rig> {
  if (!existsSync(CLI)) throw new Error(`${CLI} is not there: npm run build`);
  const folder = await mkdtemp(join(tmpdir(), 'echolot-rig-'));
  const storeFolder = join(folder, 'store');
  await mkdir(storeFolder, { mode: 0o700 });
  const store = await openIdentityStore(storeFolder);
  const passwords = new Map<string, string>();
  const passwordFile = (name: string) => join(folder, `${name}.password`);
  const roles = [
    ...agents.map((name) => [name, 'predictor'] as const),
    ...clients.map((name) => [name, 'client'] as const),
    [OPERATOR, 'operator'] as const,
  ];
  for (const [name, role] of roles) {
    const { password } = await store.add(name, role);
    passwords.set(name, password);
    await writeFile(passwordFile(name), password, { mode: 0o600 });
  }
  const broker = await startRenderedMosquitto(storeFolder, {
    probes: false,
    ...(models && { models }),
  });
  const connections: MqttClient[] = [];
  const processes: AgentProcess[] = [];

  const connect: Rig['connect'] = async (name, options = {}) => {
    const client = await mqtt.connectAsync(
      clients.includes(name) ? broker.clientsUrl : broker.innerUrl,
      { clientId: name, username: name, password: passwords.get(name) ?? '', ...options },
    );
    client.on('error', () => {});
    // 44 ms a reading otherwise, which would be told as the agent's.
    (client.stream as Socket).setNoDelay(true);
    connections.push(client);
    return client;
  };

  const stats: Stats[] = [];
  const online = new Set<string>();
  let ended: string | null = null;
  let wake = () => {};
  const operator = await connect(OPERATOR, { clean: false });
  operator.on('message', (topic, payload) => {
    if (topic.endsWith('/stats')) stats.push(JSON.parse(payload.toString()) as Stats);
    if (!topic.endsWith('/status')) return;
    const status = decodeStatus(payload);
    if (status?.state === 'online') online.add(status.agent);
    else if (status) online.delete(status.agent);
    wake();
  });
  await operator.subscribeAsync(['echolot/v1/agents/+/status', 'echolot/v1/agents/+/stats']);
  return {
    broker,
    folder,
    operator,
    stats,
    passwordFile,
    connect,
    startAgent(id, flags = []) {
      const login = ['--agent-id', id, '--password-file', passwordFile(id)];
      const quiet = ['--log-level', 'fatal'];
      const args = ['--broker-url', broker.innerUrl, ...login, ...quiet, ...flags];
      const agent = new AgentProcess(args, (code) => {
        if (code !== null) ended = `${id} ended with ${code}`;
        wake();
      });
      agent.start();
      processes.push(agent);
      return agent;
    },
    async untilOnline(count) {
      while (online.size < count) {
        if (ended !== null) throw new Error(ended);
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    async stop() {
      await Promise.all(connections.map((client) => client.endAsync(true)));
      await Promise.all(processes.map((agent) => agent.end()));
      await broker.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
