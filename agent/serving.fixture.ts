// For tests: a broker of either kind with identities, and agents with the shipped model on it.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import { pino } from 'pino';
import { startEmbeddedBroker } from '../broker/embedded-broker.ts';
import { openIdentityStore } from '../broker/identity-store.ts';
import { freePort, startMosquitto } from '../bus/mosquitto.fixture.ts';
import type { BusOptions } from '../bus/types.ts';
import { loadBundle } from '../models/bundle.ts';
import { type Agent, startAgent } from './agent.ts';
import { createOnnxClassifier } from './onnx-classifier.ts';
import type { AgentOptions } from './options.ts';

export type BrokerKind = 'mosquitto' | 'embedded';

export const MODEL_FOLDER = fileURLToPath(new URL('../models/sonar', import.meta.url));

/** 60 values that the shipped model takes. */
export const VALUES = Array.from({ length: 60 }, (_, index) => (index % 10) / 10);

export interface Serving {
  readonly url: string;
  readonly folder: string;
  /** A connected raw client under the identity's name. */
  connect(name: string, options?: IClientOptions): Promise<MqttClient>;
  /** What an agent or a program needs to log in; creates the identity where it is not there. */
  credentials(name: string, role: 'client' | 'predictor' | 'operator'): Promise<string>;
  agent(id: string): Promise<Agent>;
  startAgent(id: string, bus?: Partial<BusOptions>, more?: Partial<AgentOptions>): Promise<Agent>;
  /** Mosquitto alone: a clean end, and back. */
  restartBroker(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts a broker; Mosquitto lets anybody in, the embedded one enforces the roles.
 * @param config more lines of mosquitto.conf
 */
export async function startServing(
  kind: BrokerKind,
  config: readonly string[] = [],
): Promise<Serving> {
  const folder = await mkdtemp(join(tmpdir(), 'echolot-serving-'));
  const store = await openIdentityStore(join(folder, 'store'));
  const log = pino({ level: 'silent' });
  const broker =
    kind === 'mosquitto'
      ? await startMosquittoWith(config)
      : await startEmbeddedBroker({ store: join(folder, 'store'), port: 0, wsPort: null, log });
  const url = `mqtt://127.0.0.1:${broker.port}`;
  const passwords = new Map<string, string>();
  const agents: Agent[] = [];
  const clients: MqttClient[] = [];

  const credentials: Serving['credentials'] = async (name, role) => {
    const known = passwords.get(name);
    if (known !== undefined) return known;
    const { password } = await store.add(name, role);
    passwords.set(name, password);
    return password;
  };
  const start: Serving['startAgent'] = async (id, bus = {}, more = {}) => {
    const password = await credentials(id, 'predictor');
    const agent = startAgent({
      agentId: id,
      bus: { url, username: id, password, ...bus },
      classifiers: [await createOnnxClassifier(await loadBundle(MODEL_FOLDER))],
      namespace: 'echolot',
      group: 'predictors',
      log,
      ...more,
    });
    agents.push(agent);
    return agent;
  };
  return {
    url,
    folder,
    credentials,
    startAgent: start,
    async agent(id) {
      const agent = await start(id);
      await Promise.race([agent.ready, agent.failed]);
      return agent;
    },
    async connect(name, options = {}) {
      const client = await mqtt.connectAsync(url, {
        clientId: name,
        username: name,
        password: await credentials(name, name.startsWith('operator') ? 'operator' : 'client'),
        reconnectPeriod: 0,
        ...options,
      });
      clients.push(client);
      return client;
    },
    async restartBroker() {
      if (!('pause' in broker)) throw new Error('only Mosquitto is restarted here');
      await broker.pause();
      await broker.start();
    },
    async stop() {
      await Promise.all(clients.map((client) => client.endAsync(true)));
      await Promise.all(agents.map((agent) => agent.stop({ timeoutMs: 2000 })));
      await broker.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Options of a listener apply to the one before them. */
async function startMosquittoWith(config: readonly string[]) {
  const port = await freePort();
  return startMosquitto({ port, config: [`listener ${port} 127.0.0.1`, ...config] });
}

/** Collects messages, and waits until there are enough. */
export class Inbox {
  readonly messages: { topic: string; payload: Buffer; properties: unknown; retain: boolean }[] =
    [];
  private wake: () => void = () => {};

  constructor(client: MqttClient) {
    client.on('message', (topic, payload, packet) => {
      this.messages.push({ topic, payload, properties: packet.properties, retain: packet.retain });
      this.wake();
    });
  }

  async until(enough: (messages: Inbox['messages']) => boolean): Promise<Inbox['messages']> {
    while (!enough(this.messages)) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    return this.messages;
  }
}
