// For tests: a client with an outbox in a process of its own, that can be killed; its agent is in it too.
import { writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bus, BusEvents } from '../bus/types.ts';
import { encodeMessage } from '../schemas/encode.ts';
import { systemClock } from './clock.ts';
import { openOutboxStore } from './outbox-store.ts';
import { startClient } from './start-client.ts';

const [mode = '', folder = '', run = '', unanswered = '0'] = process.argv.slice(2);
const MODEL = {
  name: 'sonar',
  version: '1.0.0',
  digest: `sha256:${'0'.repeat(64)}`,
  runtime: 'onnx',
} as const;
const say = (...words: (string | number)[]) => writeSync(1, `${words.join(' ')}\n`);

/** A broker and an agent that answers after a moment, some readings only at the repeat. */
function createBus(_options: unknown, events: BusEvents): Bus {
  const deliver = (topic: string, message: object) =>
    events.onMessage({
      topic,
      payload: encodeMessage(message, 'json'),
      qos: 1,
      retain: false,
      dup: false,
      responseTopic: undefined,
      correlationData: undefined,
      expirySeconds: undefined,
      settle() {},
    });
  const connect = () => {
    events.onReady({ protocol: '5', sessionPresent: false });
    const status = { state: 'online', reason: 'serving', agent: 'edge-1', epoch: 'e1' };
    const rest = { heartbeatAt: new Date().toISOString(), protocol: '5', group: 'predictors' };
    deliver('echolot/v1/agents/edge-1/status', { ...status, ...rest, models: [MODEL] });
  };
  return {
    connected: true,
    protocol: '5',
    start: () => setImmediate(connect),
    publish(topic, payload, _publish, settled) {
      settled?.({ ok: true });
      if (mode === 'fill' || Math.random() < Number(unanswered)) return;
      const { id } = JSON.parse(payload.toString()) as { id: string };
      const scores = { metal: 1, rock: 0 };
      const answer = { id, label: 'metal', score: 1, scores, model: MODEL, agent: 'edge-1' };
      const reply = topic.replace('/readings/', '/replies/');
      setTimeout(() => deliver(reply, answer), Math.random() * 10);
    },
    unsubscribe: async () => {},
    stop: async () => {},
  } as Partial<Bus> as Bus;
}

const client = startClient(
  {
    url: 'mqtt://localhost',
    clientId: 'buoy-1',
    outbox: { folder },
    onAnswer: ({ id, result }) => say('told', id, result.ok ? 'answered' : result.problem.code),
    onEvent: (event) => event.type === 'damaged' && say('damaged', event.detail),
  },
  { createBus, clock: systemClock, wallNow: Date.now, openOutbox: openOutboxStore },
);

/** Incompressible, so that a limit on the size of files is reached. */
const values = () => Array.from({ length: 60 }, Math.random);

async function publishForEver(worker: number): Promise<void> {
  for (let count = 0; ; count += 1) {
    const taken = await client.publish({ id: `${run}-${worker}-${count}`, values: values() });
    if (taken.ok) say('accepted', taken.id);
  }
}

if (mode === 'run') await Promise.all([0, 1, 2, 3].map(publishForEver));
if (mode === 'fill') {
  let refused = 0;
  for (let count = 0; refused < 4; count += 1) {
    const taken = await client.publish({ id: `r-${count}`, values: values() });
    if (taken.ok) {
      say('accepted', taken.id);
      continue;
    }
    refused += 1;
    say('refused', `r-${count}`, taken.problem.code, taken.problem.detail);
    // The disk is tried again once a second; meanwhile everything is refused at once.
    if (refused % 2 === 0) await sleep(1500);
  }
}
if (mode === 'drain') {
  await client.opened();
  while (client.counts.outbox.kept > 0) await sleep(10);
}
await client.close();
