// Two hundred clients that log in at once: how much later the answer of another client comes.
import { type ChildProcess, fork } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mqtt, { type MqttClient } from 'mqtt';
import { certificatePaths, issueCertificates } from '../broker/certificates.ts';
import { openIdentityStore } from '../broker/identity-store.ts';
import { freePort } from '../bus/mosquitto.fixture.ts';
import { CLI, startProcess, stopProcess } from './brokers.ts';
import type { Crowd, CrowdOutcome, Login } from './logins.child.ts';
import { Probe } from './probe.ts';
import { formatMs } from './report.ts';
import { median } from './statistics.ts';

const CROWD = 200;
/** The issue's bar: how much later an answer may come at the 99th percentile. */
const LIMIT_MS = 50;
/** A crowd is a moment: what it delays is looked for this long, or until all are in. */
const WINDOW_MS = 500;

interface Scene {
  readonly title: string;
  readonly crowd: Crowd;
  /** What CONNACKs may say. */
  readonly expected: readonly string[];
}

/** Latencies in ms without and with a crowd, and how long it took until all were in. */
interface Round {
  readonly quiet: readonly number[];
  readonly busy: readonly number[];
  readonly durationMs: number;
}

/** @returns true where the bar is met */
export async function benchSlowLogins(quick: boolean): Promise<boolean> {
  const rounds = quick ? 5 : 20;
  const folder = await mkdtemp(join(tmpdir(), 'echolot-logins-'));
  const [port, tlsPort] = [await freePort(), await freePort()];
  const { asker, responder, scenes } = await prepare(folder, port, tlsPort);
  const ports = `--port ${port} --ws-port off --tls-port ${tlsPort}`.split(' ');
  const broker = startProcess([CLI, 'broker', '--store', folder, ...ports, '--log-level', 'error']);
  const loader = fork(new URL('./logins.child.ts', import.meta.url), {
    execArgv: ['--import', 'tsx'],
  });
  const clients: MqttClient[] = [];
  try {
    clients.push(await connectWhenUp(port, responder), await connectWhenUp(port, asker));
    const [answering, asking] = clients as [MqttClient, MqttClient];
    await respond(answering);
    const probe = await Probe.start(asking, asker.name);
    await probe.run(WINDOW_MS * 2);
    let met = true;
    for (const scene of scenes) {
      const pairs: Round[] = [];
      for (let round = 1; round <= rounds; round += 1) {
        process.stderr.write(`\r${scene.title}: round ${round} of ${rounds} `);
        pairs.push(await runRound(probe, loader, scene));
      }
      process.stderr.write('\n');
      met = report(scene.title, pairs) && met;
    }
    return met;
  } finally {
    for (const client of clients) await client.endAsync(true);
    loader.disconnect();
    await stopProcess(broker);
    await rm(folder, { recursive: true, force: true });
  }
}

async function prepare(folder: string, port: number, tlsPort: number) {
  const store = await openIdentityStore(folder);
  const login = async (name: string, role: 'client' | 'predictor') => ({
    name,
    password: (await store.add(name, role)).password,
  });
  const [asker, responder] = [await login('asker', 'client'), await login('echo', 'predictor')];
  const names = Array.from({ length: CROWD }, (_, index) => ({
    name: `c-${index}`,
    role: 'client' as const,
  }));
  const added = await store.addAll(names);
  const files = await issueCertificates(folder, names);
  const withPassword: Login[] = [...added];
  const withCertificate: Login[] = await Promise.all(
    files.map(async ({ certificate, key }, index) => ({
      name: `c-${index}`,
      cert: await readFile(certificate, 'utf8'),
      key: await readFile(key, 'utf8'),
    })),
  );
  const ca = await readFile(certificatePaths(folder).ca, 'utf8');
  const wrong = withPassword.map(({ name }) => ({ name, password: 'wrong' }));
  const scenes: Scene[] = [
    { title: 'right passwords', crowd: { port, logins: withPassword }, expected: ['0'] },
    { title: 'wrong passwords', crowd: { port, logins: wrong }, expected: ['4', '3'] },
    {
      title: 'certificates',
      crowd: { port: tlsPort, ca, logins: withCertificate },
      expected: ['0'],
    },
  ];
  return { asker, responder, scenes };
}

async function connectWhenUp(port: number, { name, password }: Login): Promise<MqttClient> {
  for (;;) {
    try {
      const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, {
        clientId: name,
        username: name,
        ...(password === undefined ? {} : { password }),
        reconnectPeriod: 0,
      });
      (client.stream as unknown as { setNoDelay(on: boolean): void }).setNoDelay(true);
      return client;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ECONNREFUSED') throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

async function respond(client: MqttClient): Promise<void> {
  client.on('message', (topic, payload) => {
    client.publish(topic.replace('/readings/', '/replies/'), payload, { qos: 1 });
  });
  await client.subscribeAsync('$share/predictors/echolot/v1/readings/+/echo', { qos: 1 });
}

/** The same asker just before a crowd and while it comes. */
async function runRound(probe: Probe, loader: ChildProcess, scene: Scene): Promise<Round> {
  const quiet = await probe.run(WINDOW_MS);
  let outcome: CrowdOutcome | null = null;
  loader.once('message', (message: CrowdOutcome) => {
    outcome = message;
  });
  loader.send(scene.crowd);
  const busy = await probe.run(WINDOW_MS, () => outcome !== null || !loader.connected);
  if (outcome === null) throw new Error('the process of the crowd has ended');
  const { codes, durationMs } = outcome as CrowdOutcome;
  const stranger = Object.keys(codes).find((code) => !scene.expected.includes(code));
  if (stranger) throw new Error(`${scene.title}: unexpected CONNACKs: ${JSON.stringify(codes)}`);
  return { quiet, busy, durationMs };
}

/** By the median of the rounds: another program that takes the processor for a moment spoils one of them. */
function report(title: string, rounds: readonly Round[]): boolean {
  const show = (side: 'quiet' | 'busy') =>
    [0.5, 0.99, 1]
      .map((share) => formatMs(median(rounds.map((round) => at(round[side], share))) * 1000))
      .map((text) => text.padStart(10))
      .join(' ');
  const delays = rounds.map(({ busy, quiet }) => at(busy, 0.99) - at(quiet, 0.99));
  const delayMs = median(delays);
  const [least, most] = [Math.min(...delays), Math.max(...delays)].map((delay) => delay.toFixed(1));
  const allIn = formatMs(median(rounds.map(({ durationMs }) => durationMs)) * 1000);
  console.log(`\n${CROWD} logins at once, ${title} (all in within ${allIn})`);
  console.log(`${''.padEnd(8)}${['p50', 'p99', 'max'].map((name) => name.padStart(10)).join(' ')}`);
  console.log(`${'quiet'.padEnd(8)}${show('quiet')}`);
  console.log(`${'logins'.padEnd(8)}${show('busy')}`);
  console.log(
    `p99 later by ${delayMs.toFixed(1)} ms (median of ${rounds.length} rounds, ${least} to ${most}), allowed ${LIMIT_MS} ms`,
  );
  if (delayMs > LIMIT_MS) console.log(`NOT MET: ${title}`);
  return delayMs <= LIMIT_MS;
}

function at(values: readonly number[], share: number): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
