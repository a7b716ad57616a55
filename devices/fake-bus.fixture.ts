// For tests: a bus without a network, whose other end the test plays.
import type { Bus, BusEvents, BusOptions, PublishOutcome } from '../bus/types.ts';
import { decodeCbor, looksLikeCbor } from '../schemas/cbor.ts';
import { encodeMessage } from '../schemas/encode.ts';
import type { ModelReference, Status } from '../schemas/messages.ts';

export const MODEL: ModelReference = {
  name: 'sonar',
  version: '1.0.0',
  digest: `sha256:${'0'.repeat(64)}`,
  runtime: 'onnx',
};

/** What a client needs besides bus and clock that has no outbox. */
export const NO_OUTBOX = {
  wallNow: () => 0,
  openOutbox: () => Promise.reject(new Error('nobody asked for an outbox')),
};

export interface Sent {
  readonly topic: string;
  readonly id: string;
  readonly message: Record<string, unknown>;
}

export class FakeBus implements Bus {
  connected = false;
  protocol: Bus['protocol'] = null;
  stopped = false;
  settled = 0;
  readonly sent: Sent[] = [];
  /** What the broker says to each publish while connected. */
  outcome: PublishOutcome = { ok: true };
  options!: BusOptions;
  private events!: BusEvents;

  /** To be handed to what would make a real bus. */
  readonly create = (options: BusOptions, events: BusEvents): Bus => {
    this.options = options;
    this.events = events;
    return this;
  };

  start(): void {}

  publish: Bus['publish'] = (topic, payload, _options, settled = () => {}) => {
    if (!this.connected) {
      settled({ ok: false, reason: 'not-connected', detail: 'no connection' });
      return;
    }
    const message = readMessage(payload);
    this.sent.push({ topic, id: String(message['id']), message });
    settled(this.outcome);
  };

  async subscribe(): Promise<boolean> {
    return this.connected;
  }

  async unsubscribe(): Promise<void> {}

  async stop(): Promise<void> {
    this.connected = false;
    this.stopped = true;
  }

  /** What was sent, without the repeats. */
  firsts(): Sent[] {
    return this.sent.filter(({ id }, at) => this.sent.findIndex((other) => other.id === id) === at);
  }

  /** Answers everything that was sent so far. */
  answerAll(): void {
    for (const sent of this.firsts()) this.answer(sent);
  }

  connect(): void {
    this.connected = true;
    this.protocol = '5';
    this.events.onReady({ protocol: '5', sessionPresent: false });
  }

  lose(): void {
    this.connected = false;
    this.events.onLost('the broker went away');
  }

  tell(event: 'onUnreachable', detail: string): void {
    this.events[event](detail);
  }

  refuse(error: Parameters<BusEvents['onRefused']>[0]): void {
    this.connected = false;
    this.events.onRefused(error);
  }

  deliver(topic: string, payload: object | Buffer, retain = false): void {
    this.events.onMessage({
      topic,
      payload: Buffer.isBuffer(payload) ? payload : encodeMessage(payload, 'json'),
      qos: 1,
      retain,
      dup: false,
      responseTopic: undefined,
      correlationData: undefined,
      expirySeconds: undefined,
      settle: () => {
        this.settled += 1;
      },
    });
  }

  status(agent: string, change: Partial<Status> = {}): void {
    const status: Status = {
      state: 'online',
      reason: 'serving',
      agent,
      epoch: 'e1',
      heartbeatAt: '2026-01-31T12:00:00Z',
      protocol: '5',
      group: 'predictors',
      models: [MODEL],
      ...change,
    };
    this.deliver(`echolot/v1/agents/${agent}/status`, status, true);
  }

  /** Answers as an agent would, on the reply topic of the reading's own topic. */
  answer({ topic, id }: Sent, body: object = prediction()): void {
    this.deliver(topic.replace('/readings/', '/replies/'), { id, ...body, agent: 'edge-1' });
  }
}

export function prediction(label = 'metal', score = 0.75) {
  return { label, score, scores: { metal: score, rock: 1 - score }, model: MODEL };
}

function readMessage(payload: Buffer): Record<string, unknown> {
  if (!looksLikeCbor(payload)) return JSON.parse(payload.toString()) as Record<string, unknown>;
  const decoded = decodeCbor(payload);
  if (!decoded.ok) throw new Error(decoded.reason);
  return decoded.value as Record<string, unknown>;
}
