// An operator on the broker itself, beside every fault of the network: takes samples and counts, judges nothing.
import { createHash } from 'node:crypto';
import { createBus } from '../bus/bus.ts';
import type { Incoming } from '../bus/types.ts';
import { decodeAnswer, decodeStats, decodeStatus } from '../schemas/encode.ts';
import type { Stats } from '../schemas/messages.ts';
import { DEFAULT_NAMESPACE, SELF_CHECK_MODEL } from '../schemas/names.ts';
import { parseTopic } from '../schemas/topics.ts';

/** What was seen while the broker and this connection lived: figures, not proofs. */
export interface WireCounts {
  readonly readings: number;
  /** Readings published again, the same bytes. */
  readonly repeats: number;
  readonly answers: number;
  /** Answers beyond the first to the same id. */
  readonly answeredAgain: number;
  readonly overloaded: number;
  /** Announcements that an agent adopts the session of another. */
  readonly adoptions: number;
}

export interface Observer {
  readonly samples: readonly Stats[];
  readonly wire: WireCounts;
  /** Agents whose last status says online. */
  readonly online: ReadonlySet<string>;
  readonly isConnected: boolean;
  stop(): Promise<void>;
}

interface Options {
  readonly url: string;
  readonly name: string;
  readonly password: string;
}

export function startObserver({ name, password, url }: Options): Observer {
  const samples: Stats[] = [];
  const online = new Set<string>();
  const wire = {
    readings: 0,
    repeats: 0,
    answers: 0,
    answeredAgain: 0,
    overloaded: 0,
    adoptions: 0,
  };
  const asked = new Set<string>();
  const answered = new Set<string>();
  const receive = ({ payload, retain, topic }: Incoming) => {
    const parsed = parseTopic(DEFAULT_NAMESPACE, topic);
    if (parsed === null) return;
    if ('model' in parsed && parsed.model === SELF_CHECK_MODEL) return;
    switch (parsed.kind) {
      case 'reading':
        wire.readings += 1;
        if (!addNew(asked, `${topic} ${digest(payload)}`)) wire.repeats += 1;
        break;
      case 'reply': {
        const answer = decodeAnswer(payload);
        wire.answers += 1;
        if (answer && 'problem' in answer && answer.problem.code === 'OVERLOADED')
          wire.overloaded += 1;
        else if (!addNew(answered, `${topic} ${answer?.id}`)) wire.answeredAgain += 1;
        break;
      }
      case 'adopting':
        if (!retain && payload.length > 0) wire.adoptions += 1;
        break;
      case 'stats': {
        const stats = decodeStats(payload);
        if (stats) samples.push(stats);
        break;
      }
      case 'status':
        if (decodeStatus(payload)?.state === 'online') online.add(parsed.agent);
        else online.delete(parsed.agent);
    }
  };
  const bus = createBus(
    {
      url,
      clientId: name,
      username: name,
      password,
      cleanSession: true,
      subscriptions: [{ filter: `${DEFAULT_NAMESPACE}/v1/#`, qos: 0 }],
      backoff: { firstMs: 100, maxMs: 300 },
    },
    {
      onMessage(message) {
        message.settle();
        receive(message);
      },
      onReady() {},
      onLost() {},
      onUnreachable() {},
      onRefused() {},
    },
  );
  bus.start();
  return {
    samples,
    wire,
    online,
    get isConnected() {
      return bus.connected;
    },
    stop: () => bus.stop({ timeoutMs: 500 }),
  };
}

function addNew(set: Set<string>, key: string): boolean {
  const isNew = !set.has(key);
  set.add(key);
  return isNew;
}

function digest(payload: Buffer): string {
  return createHash('sha1').update(payload).digest('base64');
}
