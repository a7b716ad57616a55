// What one connection publishes: sized, bounded as the broker asks, and each settled exactly once.
import type { PublishOptions, PublishOutcome } from './types.ts';

/** The fixed header, the topic's length, the id and the properties' own framing. */
const PUBLISH_OVERHEAD = 32;

/** QoS 0 has no acknowledgement to wait for: what a slow broker does not read must not fill our memory. */
export const MOST_QOS0_BYTES = 16 * 1024 * 1024;

/** There are 65,535 packet identifiers, and subscribing needs one too. */
const MOST_IN_FLIGHT = 60_000;

/** One message on its way to the wire. */
export interface Sendable {
  readonly topic: string;
  readonly payload: Buffer;
  readonly options: PublishOptions;
  /** To be called once, with what went wrong: at QoS 1 with the PUBACK, at QoS 0 when it is written. */
  readonly acknowledged: (error?: Error | null) => void;
}

/** One that is not settled. */
class Pending implements Sendable {
  readonly topic: string;
  readonly payload: Buffer;
  readonly options: PublishOptions;
  readonly settled: (outcome: PublishOutcome) => void;
  readonly acknowledged: (error?: Error | null) => void;
  /** Among the open ones; -1 when it is settled. */
  index = -1;

  constructor(
    topic: string,
    payload: Buffer,
    options: PublishOptions,
    settled: (outcome: PublishOutcome) => void,
    acknowledged: (error?: Error | null) => void,
  ) {
    this.topic = topic;
    this.payload = payload;
    this.options = options;
    this.settled = settled;
    this.acknowledged = acknowledged;
  }
}

export class Outgoing {
  private readonly send: (message: Sendable) => void;
  /**
   * No `Set`: each table that it outgrows keeps what it held and leads to the next one, and an old one keeps them all
   * alive until V8 collects its old generation: docs/decisions/0006.
   */
  private readonly open: Pending[] = [];
  private readonly waiting: Sendable[] = [];
  private inFlight = 0;
  /** Of QoS 0, handed to the socket and not yet taken by the operating system. */
  private qos0Bytes = 0;
  private receiveMaximum = MOST_IN_FLIGHT;
  private maximumPacketBytes: number;

  constructor(maximumPacketBytes: number, send: (message: Sendable) => void) {
    this.maximumPacketBytes = maximumPacketBytes;
    this.send = send;
  }

  /** How many are not settled. */
  get pending(): number {
    return this.open.length;
  }

  /** Keeps to the limits that an MQTT 5 broker states in its CONNACK. */
  keepTo(limits: { receiveMaximum?: number; maximumPacketSize?: number }): void {
    const { maximumPacketSize = Number.POSITIVE_INFINITY, receiveMaximum } = limits;
    this.maximumPacketBytes = Math.min(this.maximumPacketBytes, maximumPacketSize);
    if (receiveMaximum !== undefined)
      this.receiveMaximum = Math.min(receiveMaximum, MOST_IN_FLIGHT);
  }

  publish(
    topic: string,
    payload: Buffer,
    options: PublishOptions,
    settled: (outcome: PublishOutcome) => void,
  ): void {
    const { correlationData, qos, responseTopic = '' } = options;
    const texts = Buffer.byteLength(topic) + Buffer.byteLength(responseTopic);
    const size = payload.length + texts + (correlationData?.length ?? 0) + PUBLISH_OVERHEAD;
    if (size > this.maximumPacketBytes) {
      const detail = `${size} bytes, at most ${this.maximumPacketBytes} are allowed`;
      settled({ ok: false, reason: 'too-large', detail });
      return;
    }
    // A lone one always leaves, however large.
    if (qos === 0 && this.qos0Bytes > 0 && this.qos0Bytes + size > MOST_QOS0_BYTES) {
      const detail = `${this.qos0Bytes} bytes at QoS 0 wait for the broker to read them, at most ${MOST_QOS0_BYTES} may`;
      settled({ ok: false, reason: 'congested', detail });
      return;
    }
    const message = new Pending(topic, payload, options, settled, (error) => {
      if (qos === 0) this.qos0Bytes -= size;
      else this.inFlight -= 1;
      if (this.close(message)) settled(outcomeOf(error));
      if (qos === 1) this.advance();
    });
    message.index = this.open.push(message) - 1;
    if (qos === 0) {
      this.qos0Bytes += size;
      this.send(message);
    } else if (this.waiting.length === 0 && this.inFlight < this.receiveMaximum) {
      this.inFlight += 1;
      this.send(message);
    } else this.waiting.push(message);
  }

  /** False where it is settled already. */
  private close(message: Pending): boolean {
    const { index } = message;
    if (index < 0) return false;
    message.index = -1;
    const last = this.open.pop() as Pending;
    if (last === message) return true;
    this.open[index] = last;
    last.index = index;
    return true;
  }

  /** MQTT 5, 4.9: no more than the broker's Receive Maximum, in order, whoever publishes when he is told. */
  private advance(): void {
    while (this.inFlight < this.receiveMaximum) {
      const next = this.waiting.shift();
      if (!next) return;
      this.inFlight += 1;
      this.send(next);
    }
  }

  /** The connection is gone: nobody will ever know what became of the rest. */
  lose(): void {
    this.waiting.length = 0;
    const detail = 'the connection ended before the acknowledgement';
    // Who is told may publish once more.
    while (this.open.length > 0) {
      const lost = this.open.splice(0);
      for (const message of lost) message.index = -1;
      for (const message of lost) message.settled({ ok: false, reason: 'lost', detail });
    }
  }
}

const OK: PublishOutcome = { ok: true };

function outcomeOf(error: Error | null | undefined): PublishOutcome {
  if (!error) return OK;
  const { code } = error as { code?: number };
  if (typeof code === 'number' && code >= 0x80) {
    return { ok: false, reason: 'refused', detail: `${error.message} (code ${code})` };
  }
  return { ok: false, reason: 'lost', detail: error.message };
}
