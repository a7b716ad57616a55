// The fuzzing of a running agent: whatever bytes come, each delivery is answered and the books balance.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decodeAnswer, decodeStats } from '../schemas/encode.ts';
import { settledHeap } from '../schemas/heap.fixture.ts';
import { payloads } from './payloads.fixture.ts';
import { type BrokerKind, Inbox, type Serving, startServing } from './serving.fixture.ts';

const WINDOW = 200;

export function describeFuzzing(kind: BrokerKind, count: number, seed: number): void {
  describe(`${count} random and mutated payloads on ${kind} (seed ${seed})`, () => {
    let serving: Serving;

    beforeEach(async () => {
      serving = await startServing(kind);
    });

    afterEach(() => serving.stop());

    it('end no agent, leak no memory and are all answered', async () => {
      const agent = await serving.agent('edge-1');
      const operator = await serving.connect('operator-1');
      const stats = new Inbox(operator);
      await operator.subscribeAsync('echolot/v1/agents/edge-1/stats', { qos: 0 });
      const client = await serving.connect('buoy-7');
      let replies = 0;
      let answers = 0;
      client.on('message', (_, payload) => {
        replies += 1;
        if (decodeAnswer(payload) !== null) answers += 1;
      });
      await client.subscribeAsync('echolot/v1/replies/buoy-7/+', { qos: 1 });

      let sent = 0;
      let warmHeap = 0;
      const publish = async (payload: Buffer) => {
        while (sent - replies >= WINDOW) await new Promise((resolve) => setImmediate(resolve));
        sent += 1;
        client.publish('echolot/v1/readings/buoy-7/sonar', payload, { qos: 1 });
      };
      for (const payload of payloads(count, seed)) {
        await publish(payload);
        if (sent === Math.floor(count / 4)) warmHeap = settledHeap();
      }
      while (replies < sent) await new Promise((resolve) => setImmediate(resolve));
      expect(answers).toBe(count);
      expect(settledHeap() - warmHeap).toBeLessThan(10 * 1024 * 1024);

      await agent.stop();
      const all = await stats.until(
        (messages) =>
          messages.length > 0 &&
          lastOf(messages)?.inHand === 0 &&
          (lastOf(messages)?.received ?? 0) >= count,
      );
      const last = lastOf(all);
      expect(last?.received).toBe(
        (last?.answered ?? 0) +
          (last?.rejected ?? 0) +
          (last?.shed ?? 0) +
          (last?.expired ?? 0) +
          (last?.repeated ?? 0),
      );
      expect(last?.unanswerable).toBe(0);
    });
  });
}

function lastOf(messages: Inbox['messages']) {
  const last = messages.at(-1);
  return last ? decodeStats(last.payload) : null;
}
