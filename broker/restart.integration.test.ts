// What survives a restart of the broker with a data folder, clean and by kill -9.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startEmbeddedBroker } from './embedded-broker.ts';
import { type IdentityStore, openIdentityStore } from './identity-store.ts';
import { openJournal } from './journal.ts';
import { Inbox } from './running-broker.fixture.ts';

const R = 'echolot/v1';
const SHARE = `$share/predictors/${R}/readings/+/sonar`;
const CHILD = fileURLToPath(new URL('./embedded-broker.child.ts', import.meta.url));
const log = pino({ level: 'silent' });

let folder: string;
let store: IdentityStore;
let port: number;
let stop: () => Promise<void>;
let passwords: Map<string, string>;
let clients: MqttClient[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'echolot-restart-'));
  store = await openIdentityStore(join(folder, 'store'));
  passwords = new Map();
  clients = [];
  for (const [name, role] of [
    ['dev-1', 'client'],
    ['edge-1', 'predictor'],
    ['edge-2', 'predictor'],
    ['op', 'operator'],
  ] as const) {
    passwords.set(name, (await store.add(name, role)).password);
  }
});
afterEach(async () => {
  for (const client of clients) client.end(true);
  await stop();
  await rm(folder, { recursive: true, force: true });
});

async function startHere() {
  const options = { store, dataDir: join(folder, 'data'), port: 0, wsPort: null, log };
  const broker = await startEmbeddedBroker(options);
  port = broker.port;
  stop = () => broker.stop();
}

async function startChild() {
  const child: ChildProcess = spawn(
    process.execPath,
    ['--import', 'tsx', CHILD, join(folder, 'store'), join(folder, 'data')],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  if (!child.stdout) throw new Error('the child has no standard output');
  const [line] = (await Promise.race([
    once(child.stdout, 'data'),
    once(child, 'exit').then(() => {
      throw new Error('the broker did not start');
    }),
  ])) as [Buffer];
  port = Number(line.toString());
  stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await exit;
  };
}

async function connect(name: string, more: IClientOptions = {}) {
  const client = mqtt.connect(`mqtt://127.0.0.1:${port}`, {
    clientId: name,
    username: name,
    password: passwords.get(name) ?? '',
    reconnectPeriod: 0,
    ...more,
  });
  clients.push(client);
  const inbox = new Inbox(client);
  await new Promise<void>((resolve, reject) => {
    client.once('connect', () => resolve());
    client.once('error', reject);
  });
  client.on('error', () => undefined);
  return { client, inbox };
}

/** Until the last will of this client id is on disk, and with it all that the journal was told before. */
async function untilWillIsKept(clientId: string): Promise<void> {
  const [data, copy] = [join(folder, 'data', 'broker'), join(folder, 'copy')];
  for (;;) {
    // A copy, since the broker has the folder for itself; half a copy cannot be opened.
    await rm(copy, { recursive: true, force: true });
    const opened = await cp(data, copy, { recursive: true })
      .then(() => openJournal(copy, log))
      .catch(() => null);
    await opened?.journal.close();
    if (opened?.entries.some(([key]) => key === `w/${clientId}`)) return;
  }
}

describe.each([
  // A clean end writes out by itself what is not written yet.
  ['cleanly', startHere, async () => undefined],
  ['by kill -9', startChild, untilWillIsKept],
])('a broker that ends %s', (_, start, untilKept) => {
  it('comes back with retained messages, sessions and what waited for them and for groups', async () => {
    await start();
    const agent = await connect('edge-1', { clean: false });
    agent.client.handleMessage = (_, done) => done(new Error('held'));
    const isHeld = new Promise((resolve) => agent.client.once('message', resolve));
    await agent.client.subscribeAsync(SHARE, { qos: 1 });
    const device = await connect('dev-1', { clean: false });
    await device.client.subscribeAsync(`${R}/replies/dev-1/+`, { qos: 1 });
    const reading = `${R}/readings/dev-1/sonar`;
    await device.client.publishAsync(reading, 'held', { qos: 1 });
    await isHeld;
    agent.client.end(true);
    await device.client.publishAsync(reading, 'waiting', { qos: 1 });
    await device.client.endAsync();
    const other = await connect('edge-2');
    await other.client.publishAsync(`${R}/replies/dev-1/sonar`, 'queued', { qos: 1 });
    await other.client.publishAsync(`${R}/agents/edge-2/stats`, 'gone', { qos: 1, retain: true });
    await other.client.publishAsync(`${R}/agents/edge-2/stats`, '', { qos: 1, retain: true });
    await other.client.publishAsync(`${R}/agents/edge-2/status`, 'kept', { qos: 1, retain: true });
    const will = {
      topic: `${R}/agents/edge-1/status`,
      payload: Buffer.from('will'),
      qos: 1 as const,
      retain: true,
    };
    await connect('edge-1', { clientId: 'edge-1-w', will });
    await untilKept('edge-1-w');
    await stop();

    await start();
    const operator = await connect('op');
    await operator.client.subscribeAsync(`${R}/agents/#`, { qos: 1 });
    const texts = await operator.inbox.until(({ length }) => length >= 2);
    expect([...texts].sort()).toEqual(['kept', 'will']);
    const deviceAgain = await connect('dev-1', { clean: false });
    expect(await deviceAgain.inbox.until(({ length }) => length >= 1)).toEqual(['queued']);
    // The last member was away: another one gets what it held and what waited, and nothing else.
    const living = await connect('edge-2', { clean: false });
    await living.client.subscribeAsync(SHARE, { qos: 1 });
    await deviceAgain.client.publishAsync(reading, 'new', { qos: 1 });
    expect(await living.inbox.until(({ length }) => length >= 3)).toEqual([
      'held',
      'waiting',
      'new',
    ]);
    const back = await connect('edge-1', { clean: false });
    await living.client.endAsync();
    await deviceAgain.client.publishAsync(reading, 'fence', { qos: 1 });
    expect(await back.inbox.until(({ length }) => length >= 1)).toEqual(['fence']);
  });
});

describe('a data folder', () => {
  it('serves one broker at a time, and the second says so', async () => {
    await startHere();
    const options = { store, dataDir: join(folder, 'data'), port: 0, wsPort: null, log };
    await expect(startEmbeddedBroker(options)).rejects.toMatchObject({
      code: 'DATA_FOLDER_UNUSABLE',
      exitCode: 78,
      message: expect.stringContaining('another broker'),
    });
  });
});
