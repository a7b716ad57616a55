// For tests: a broker of either kind with a real agent, a client, an operator, and a client who means harm.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import { pino } from 'pino';
import { startAgent } from '../agent/agent.ts';
import { createOnnxClassifier } from '../agent/onnx-classifier.ts';
import { Inbox, MODEL_FOLDER } from '../agent/serving.fixture.ts';
import { loadBundle } from '../models/bundle.ts';
import { startEmbeddedBroker } from './embedded-broker.ts';
import { openIdentityStore } from './identity-store.ts';
import { startRenderedMosquitto } from './rendered-mosquitto.fixture.ts';

export type Kind = 'embedded' | 'mosquitto';

export interface Guest {
  readonly client: MqttClient;
  readonly inbox: Inbox;
}

export interface Scene {
  /** The folder of the identities; the probes are among them. */
  readonly store: string;
  /** The listener of predictors and operators. */
  readonly innerUrl: string;
  /** Connects under the name, by default with the MQTT version of the scene. */
  connect(name: string, options?: IClientOptions): Promise<Guest>;
  /**
   * What a CONNECT under the name comes to: connected, or not. `inner` is the listener of predictors
   * and operators, where there is such a one.
   */
  tryConnect(
    name: string,
    options: IClientOptions,
    listener?: 'clients' | 'inner',
  ): Promise<Guest | null>;
  stop(): Promise<void>;
}

const ROLES = { victim: 'client', intruder: 'client', 'edge-1': 'predictor', op: 'operator' };

/** Starts the broker with `victim`, `intruder`, `op`, and the agent `edge-1`, which serves. */
export async function startScene(kind: Kind, protocolVersion: 4 | 5): Promise<Scene> {
  const folder = await mkdtemp(join(tmpdir(), 'echolot-intruder-'));
  const store = join(folder, 'store');
  const identities = await openIdentityStore(store);
  const passwords = new Map<string, string>();
  for (const [name, role] of Object.entries(ROLES)) {
    passwords.set(name, (await identities.add(name, role)).password);
  }
  const broker = await startBroker(kind, store);
  const password = (name: string) => passwords.get(name) ?? '';
  const agent = startAgent({
    agentId: 'edge-1',
    bus: { url: broker.inner, username: 'edge-1', password: password('edge-1') },
    classifiers: [await createOnnxClassifier(await loadBundle(MODEL_FOLDER))],
    namespace: 'echolot',
    group: 'predictors',
    log: pino({ level: 'silent' }),
  });
  await agent.ready;
  const clients: MqttClient[] = [];
  const open = (
    name: string,
    options: IClientOptions,
    listener = ROLES[name as keyof typeof ROLES] === 'client' ? 'clients' : 'inner',
  ) => {
    const url = listener === 'clients' ? broker.clients : broker.inner;
    const login = { clientId: name, username: name, password: password(name) };
    const client = mqtt.connect(url, { ...login, protocolVersion, reconnectPeriod: 0, ...options });
    clients.push(client);
    const inbox = new Inbox(client);
    return new Promise<Guest>((resolve, reject) => {
      client.once('connect', () => resolve({ client, inbox }));
      client.on('error', reject);
      client.once('close', () => reject(new Error('closed')));
    });
  };
  return {
    store,
    innerUrl: broker.inner,
    connect: (name, options = {}) => open(name, options),
    tryConnect: (name, options, listener) => open(name, options, listener).catch(() => null),
    async stop() {
      for (const client of clients) client.end(true);
      await agent.stop({ timeoutMs: 2000 });
      await broker.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function startBroker(kind: Kind, store: string) {
  if (kind === 'mosquitto') {
    const broker = await startRenderedMosquitto(store);
    return { clients: broker.clientsUrl, inner: broker.innerUrl, stop: () => broker.stop() };
  }
  const log = pino({ level: 'silent' });
  const broker = await startEmbeddedBroker({ store, port: 0, wsPort: null, log });
  const url = `mqtt://127.0.0.1:${broker.port}`;
  return { clients: url, inner: url, stop: () => broker.stop() };
}
