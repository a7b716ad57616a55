// A raw connection for the prover: it does what `Bus` never would (foreign ids, bare ends), and judges nothing.
import mqtt, { type MqttClient } from 'mqtt';
import { clientOptions } from './client-options.ts';
import { tlsRefusalOf } from './tls-refusal.ts';
import type { BusOptions, Protocol } from './types.ts';

/** Who connects, and how. One attempt, no way back: what is refused stays refused. */
export type ProbeConnectionOptions = Pick<
  BusOptions,
  'url' | 'clientId' | 'username' | 'password' | 'tls' | 'will'
> & { readonly protocol: Protocol; readonly timeoutMs: number };

export interface ProbeMessage {
  readonly topic: string;
  readonly payload: Buffer;
  readonly retain: boolean;
}

/** Why no connection came about. `closed`: the broker ended it without a word. */
export interface ProbeRefusal {
  readonly kind: 'version' | 'refused' | 'certificate' | 'closed' | 'unreachable';
  readonly detail: string;
}

export type ProbeOpening =
  | { readonly ok: true; readonly connection: ProbeConnection }
  | { readonly ok: false; readonly refusal: ProbeRefusal };

export interface ProbePublish {
  readonly retain?: boolean;
  readonly responseTopic?: string;
  readonly correlationData?: Buffer;
}

/** CONNACK codes that mean "not this version": 3.1.1's 1 and 5's 0x84. */
const VERSION_CODES = [1, 0x84];

/**
 * Connects once with a clean session. Never throws.
 * @param onMessage attached before the first message can come
 */
export function openProbeConnection(
  options: ProbeConnectionOptions,
  onMessage: (message: ProbeMessage) => void,
): Promise<ProbeOpening> {
  const bus = {
    ...options,
    cleanSession: true,
    subscriptions: [],
    keepaliveSeconds: 60,
    connectTimeoutMs: options.timeoutMs,
  };
  const client = mqtt.connect(options.url, clientOptions(bus, options.protocol));
  client.on('message', (topic, payload, { retain }) => onMessage({ topic, payload, retain }));
  return new Promise((resolve) => {
    let opened = false;
    const refuse = (kind: ProbeRefusal['kind'], detail: string) => {
      client.end(true);
      resolve({ ok: false, refusal: { kind, detail } });
    };
    client.stream.on('connect', () => {
      opened = true;
    });
    client.once('connect', () => {
      const { stream } = client as { stream: { setNoDelay?: (on: boolean) => void } };
      stream.setNoDelay?.(true);
      resolve({ ok: true, connection: new ProbeConnection(client, options) });
    });
    client.on('error', (error: Error & { code?: number | string }) => {
      const { code, message } = error;
      const certificate = tlsRefusalOf(error);
      if (certificate) refuse('certificate', certificate.detail);
      else if (typeof code === 'number') {
        refuse(VERSION_CODES.includes(code) ? 'version' : 'refused', message);
      } else refuse('unreachable', message || String(code ?? 'unknown error'));
    });
    client.once('close', () => {
      refuse(opened ? 'closed' : 'unreachable', 'the connection was closed');
    });
  });
}

export class ProbeConnection {
  readonly protocol: Protocol;
  private readonly client: MqttClient;
  private readonly timeoutMs: number;
  /** Resolves when the connection has ended, whoever ended it. */
  readonly ended: Promise<void>;
  private open = true;

  constructor(client: MqttClient, { protocol, timeoutMs }: ProbeConnectionOptions) {
    this.client = client;
    this.protocol = protocol;
    this.timeoutMs = timeoutMs;
    this.ended = new Promise((resolve) => {
      client.once('close', () => {
        this.open = false;
        resolve();
      });
    });
  }

  get isOpen(): boolean {
    return this.open;
  }

  /**
   * Publishes at QoS 1 and waits until the broker has handled it: its acknowledgement says no more.
   * @returns MQTT 5: the reason code; 3.1.1: 0; `null`: the connection ended, or nothing came in time
   */
  publish(topic: string, payload: Buffer, options: ProbePublish = {}): Promise<number | null> {
    const { correlationData, responseTopic, retain = false } = options;
    const properties = {
      ...(responseTopic !== undefined && { responseTopic }),
      ...(correlationData !== undefined && { correlationData }),
    };
    const more = this.protocol === '5' && Object.keys(properties).length > 0 ? { properties } : {};
    return this.answered<number>((resolve) => {
      this.client.publish(topic, payload, { qos: 1, retain, ...more }, (error) => {
        const code = (error as { code?: unknown } | null)?.code;
        if (!error) resolve(0);
        else if (typeof code === 'number') resolve(code);
      });
    });
  }

  /** @returns the code of the SUBACK; `null`: the connection ended, or nothing came in time */
  subscribe(filter: string): Promise<number | null> {
    return this.answered<number>((resolve) => {
      this.client.on('packetreceive', function look(this: MqttClient, packet) {
        if (packet.cmd !== 'suback') return;
        this.off('packetreceive', look);
        resolve(Number(packet.granted[0]));
      });
      this.client.subscribe(filter, { qos: 1 }, () => undefined);
    });
  }

  async unsubscribe(filter: string): Promise<void> {
    await this.answered<number>((resolve) => {
      this.client.unsubscribe(filter, () => resolve(0));
    });
  }

  /** Ends without a DISCONNECT, so that the broker publishes the last will. */
  async drop(): Promise<void> {
    this.client.stream.destroy();
    await this.ended;
    this.client.end(true);
  }

  async close(): Promise<void> {
    if (!this.open) return;
    this.client.end();
    const timer = setTimeout(() => this.client.stream.destroy(), this.timeoutMs);
    await this.ended;
    clearTimeout(timer);
  }

  private answered<Value>(ask: (resolve: (value: Value) => void) => void): Promise<Value | null> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(null), this.timeoutMs);
      const answer = (value: Value | null) => {
        clearTimeout(timer);
        resolve(value);
      };
      void this.ended.then(() => answer(null));
      if (this.open) ask(answer);
    });
  }
}
