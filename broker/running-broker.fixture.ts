// For tests: an embedded broker on free ports with identities, raw MQTT clients, and its log.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mqtt, { type IClientOptions, type IPublishPacket, type MqttClient } from 'mqtt';
import { pino } from 'pino';
import {
  type EmbeddedBroker,
  type EmbeddedBrokerOptions,
  startEmbeddedBroker,
} from './embedded-broker.ts';
import { type IdentityStore, openIdentityStore } from './identity-store.ts';
import type { Role } from './policy.ts';

export interface LogLine {
  readonly msg: string;
  readonly level: number;
  readonly [field: string]: unknown;
}

/** What a client received, in order, and a way to wait for it. */
export class Inbox {
  readonly packets: IPublishPacket[] = [];
  private wake: () => void = () => undefined;

  constructor(client: MqttClient) {
    client.on('message', (_topic, _payload, packet) => {
      this.packets.push(packet);
      this.wake();
    });
  }

  get texts(): string[] {
    return this.packets.map(({ payload }) => payload.toString());
  }

  /** Waits, as long as the test may take. */
  async until(isEnough: (texts: string[]) => boolean): Promise<string[]> {
    while (!isEnough(this.texts)) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    return this.texts;
  }
}

export class RunningBroker {
  readonly folder: string;
  readonly store: IdentityStore;
  readonly log: LogLine[];
  broker: EmbeddedBroker;
  private readonly passwords = new Map<string, string>();
  private readonly clients: MqttClient[] = [];

  constructor(folder: string, store: IdentityStore, log: LogLine[], broker: EmbeddedBroker) {
    this.folder = folder;
    this.store = store;
    this.log = log;
    this.broker = broker;
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.broker.port}`;
  }

  async identity(name: string, role: Role, models?: string[]): Promise<string> {
    const { password } = await this.store.add(name, role, models ? { models } : {});
    this.passwords.set(name, password);
    return password;
  }

  options(name: string, more: IClientOptions = {}): IClientOptions {
    const password = this.passwords.get(name);
    const login = { username: name, ...(password === undefined ? {} : { password }) };
    return { clientId: name, ...login, reconnectPeriod: 0, ...more };
  }

  /** Connected, with an inbox that listened before the first message could come. */
  async connect(
    name: string,
    more: IClientOptions = {},
    url = this.url,
  ): Promise<{ client: MqttClient; inbox: Inbox }> {
    const client = mqtt.connect(url, this.options(name, more));
    this.clients.push(client);
    const inbox = new Inbox(client);
    await new Promise<void>((resolve, reject) => {
      client.once('connect', () => resolve());
      client.once('error', reject);
    });
    client.on('error', () => undefined);
    return { client, inbox };
  }

  /** The return code of a CONNECT that is refused, 0 for one that is not, `null` for a bare close. */
  async tryConnect(options: IClientOptions): Promise<number | null> {
    const client = mqtt.connect(this.url, { reconnectPeriod: 0, ...options });
    this.clients.push(client);
    return new Promise((resolve) => {
      client.once('connect', () => resolve(0));
      client.once('error', (error) => resolve((error as unknown as { code: number }).code));
      client.once('close', () => resolve(null));
    });
  }

  refusals(): LogLine[] {
    return this.log.filter(({ msg }) => msg === 'refused');
  }

  async dispose(): Promise<void> {
    for (const client of this.clients) client.end(true);
    await this.broker.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}

export async function startRunningBroker(
  more: Partial<EmbeddedBrokerOptions> = {},
): Promise<RunningBroker> {
  const folder = await mkdtemp(join(tmpdir(), 'echolot-broker-'));
  const store = await openIdentityStore(join(folder, 'store'));
  const lines: LogLine[] = [];
  const log = pino({ level: 'info' }, { write: (line: string) => lines.push(JSON.parse(line)) });
  const options = { store, port: 0, wsPort: null, log, ...more };
  return new RunningBroker(folder, store, lines, await startEmbeddedBroker(options));
}

/** Resolves when the client's connection has ended. */
export function closed(client: MqttClient): Promise<void> {
  return new Promise((resolve) => {
    if (!client.connected) resolve();
    else client.once('close', () => resolve());
  });
}
