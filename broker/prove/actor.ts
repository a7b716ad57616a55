// One probe on its connection: what it is sent, by token, and a connection that comes back when it is lost.
import {
  openProbeConnection,
  type ProbeConnection,
  type ProbeConnectionOptions,
  type ProbeOpening,
  type ProbePublish,
} from '../../bus/probe-connection.ts';
import type { LastWill } from '../../bus/types.ts';
import type { Probe } from '../probes.ts';
import { probePayload, tokenOf } from './payload.ts';

/** How every connection is made but for its names. */
export type Dial = Pick<ProbeConnectionOptions, 'url' | 'protocol' | 'timeoutMs'>;
/** How one probe says who it is. */
export type Credentials = Pick<ProbeConnectionOptions, 'username' | 'password' | 'tls'>;

/** Where Mosquitto keeps its version, retained. */
export const BROKER_VERSION = '$SYS/broker/version';

export class Actor {
  readonly probe: Probe;
  /** Counts connections: another number says that the earlier one was lost. */
  generation = 0;
  private readonly dial: Dial;
  private readonly credentials: Credentials;
  private readonly kept = new Set<string>();
  private readonly received = new Map<string, number>();
  private connection: ProbeConnection | null = null;
  private connecting: Promise<ProbeOpening | null> | null = null;
  private systemMessages = 0;
  private version: string | null = null;
  private wake: () => void = () => undefined;

  constructor(probe: Probe, dial: Dial, credentials: Credentials) {
    this.probe = probe;
    this.dial = dial;
    this.credentials = credentials;
  }

  get isConnected(): boolean {
    return this.connection?.isOpen ?? false;
  }

  /** What the broker says it is; `null` where it did not say so. */
  get brokerVersion(): string | null {
    return this.version;
  }

  /** How many messages of the broker itself came. */
  get told(): number {
    return this.systemMessages;
  }

  /** How often a token came. */
  count(token: string): number {
    return this.received.get(token) ?? 0;
  }

  /** Connects where it is not, under its own name; what it keeps is subscribed to again. */
  connect(will?: LastWill): Promise<ProbeOpening | null> {
    // One at a time: a second connection under the same id would displace the first.
    this.connecting ??= this.connectAnew(will).finally(() => {
      this.connecting = null;
    });
    return this.connecting;
  }

  private async connectAnew(will?: LastWill): Promise<ProbeOpening | null> {
    if (this.isConnected) return null;
    const opening = await this.open(this.probe.name, will);
    if (!opening.ok) return opening;
    this.connection = opening.connection;
    this.generation += 1;
    void opening.connection.ended.then(() => this.wake());
    for (const filter of this.kept) await opening.connection.subscribe(filter);
    return opening;
  }

  /** A further connection with its credentials, under any client id. What it is sent counts here too. */
  open(clientId: string, will?: LastWill): Promise<ProbeOpening> {
    return openProbeConnection(
      { ...this.dial, ...this.credentials, clientId, ...(will && { will }) },
      ({ payload, topic }) => {
        if (topic.startsWith('$SYS/')) this.systemMessages += 1;
        if (topic === BROKER_VERSION) this.version = payload.toString();
        const token = tokenOf(payload);
        if (token !== null) this.received.set(token, this.count(token) + 1);
        this.wake();
      },
    );
  }

  /** The code of the broker's acknowledgement; `null` where there was none. */
  async publish(topic: string, token: string, options?: ProbePublish): Promise<number | null> {
    return this.send(topic, probePayload(token), options);
  }

  /** As `publish`, with any payload. */
  async send(topic: string, payload: Buffer, options?: ProbePublish): Promise<number | null> {
    await this.connect();
    return (await this.connection?.publish(topic, payload, options)) ?? null;
  }

  async subscribe(filter: string): Promise<number | null> {
    await this.connect();
    return (await this.connection?.subscribe(filter)) ?? null;
  }

  async unsubscribe(filter: string): Promise<void> {
    await this.connection?.unsubscribe(filter);
    // The filter of an attempt may be that of the fence.
    if (this.kept.has(filter)) await this.connection?.subscribe(filter);
  }

  /** Subscribes at once and after every connect. */
  async keep(filter: string): Promise<void> {
    this.kept.add(filter);
    await this.subscribe(filter);
  }

  async unkeep(filter: string): Promise<void> {
    this.kept.delete(filter);
    await this.unsubscribe(filter);
  }

  /**
   * Waits for what it is sent on one connection, by default the present one.
   * @returns false where it did not come in time, or that connection ended
   */
  async until(
    isThere: () => boolean,
    timeoutMs: number,
    generation = this.generation,
  ): Promise<boolean> {
    const deadline = performance.now() + timeoutMs;
    while (!isThere()) {
      const left = deadline - performance.now();
      const isLost = !this.isConnected || this.generation !== generation;
      if (left <= 0 || isLost) return false;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return true;
  }

  /** Ends the connection without a goodbye. */
  async drop(): Promise<void> {
    await this.connection?.drop();
  }

  async close(): Promise<void> {
    await this.connection?.close();
  }
}
