// What is published: in order, within the broker's Receive Maximum, bounded at QoS 0, settled once.
import { describe, expect, it } from 'vitest';
import { promotedBytes } from '../schemas/heap.fixture.ts';
import { MOST_QOS0_BYTES, Outgoing, type Sendable } from './outgoing.ts';
import type { PublishOutcome } from './types.ts';

function outgoing(receiveMaximum?: number) {
  const sent: Sendable[] = [];
  const outcomes: string[] = [];
  const out = new Outgoing(64 * 1024 * 1024, (message) => sent.push(message));
  out.keepTo(receiveMaximum === undefined ? {} : { receiveMaximum });
  const publish = (topic: string, qos: 0 | 1, bytes = 1, then: () => void = () => {}) =>
    out.publish(topic, Buffer.alloc(bytes), { qos }, (outcome: PublishOutcome) => {
      outcomes.push(`${topic} ${outcome.ok ? 'ok' : outcome.reason}`);
      then();
    });
  const topics = () => sent.map(({ topic }) => topic);
  return { out, outcomes, publish, sent, topics };
}

describe('outgoing messages', () => {
  it('keep their order and the Receive Maximum when who is told publishes at once', () => {
    const { outcomes, publish, sent, topics } = outgoing(1);
    publish('a', 1, 1, () => publish('after-a', 1));
    publish('b', 1);
    sent[0]?.acknowledged();
    expect(topics()).toEqual(['a', 'b']);
    sent[1]?.acknowledged();
    sent[2]?.acknowledged();
    expect(topics()).toEqual(['a', 'b', 'after-a']);
    expect(outcomes).toEqual(['a ok', 'b ok', 'after-a ok']);
  });

  it('at QoS 0 are refused in words while too many bytes wait for a slow broker', () => {
    const { out, outcomes, publish, sent, topics } = outgoing();
    publish('first', 0, MOST_QOS0_BYTES - 1000);
    publish('fits', 0, 100);
    publish('too-much', 0, 1000);
    publish('sure', 1, 1000);
    expect(topics()).toEqual(['first', 'fits', 'sure']);
    expect(outcomes).toEqual(['too-much congested']);
    expect(out.pending).toBe(3);
    sent[0]?.acknowledged();
    publish('later', 0, 1000);
    expect(topics()).toContain('later');
  });

  it('at QoS 0 leave however large, where nothing waits', () => {
    const { publish, topics } = outgoing();
    publish('large', 0, MOST_QOS0_BYTES + 1);
    expect(topics()).toEqual(['large']);
  });

  it('are lost once with their connection, those that wait too', () => {
    const { out, outcomes, publish, sent } = outgoing(1);
    publish('a', 1);
    publish('b', 1);
    publish('c', 0);
    out.lose();
    for (const { acknowledged } of sent) acknowledged();
    expect(outcomes.toSorted()).toEqual(['a lost', 'b lost', 'c lost']);
    expect(sent).toHaveLength(2);
    expect(out.pending).toBe(0);
  });

  it('that are settled are free without a long collection of memory', () => {
    const { publish, sent } = outgoing();
    for (let open = 0; open < 64; open += 1) publish('t', 1);
    const promoted = promotedBytes(() => {
      publish('t', 1);
      sent.shift()?.acknowledged();
    });
    expect(promoted).toBeLessThan(100);
  });

  it('are settled once, in whatever order, and those that are left are lost', () => {
    const { out, outcomes, publish, sent } = outgoing();
    for (const topic of ['a', 'b', 'c', 'd', 'e']) publish(topic, 1);
    for (const place of [1, 4, 0, 1]) sent[place]?.acknowledged();
    expect(out.pending).toBe(2);
    out.lose();
    expect(outcomes.slice(0, 3)).toEqual(['b ok', 'e ok', 'a ok']);
    expect(outcomes.slice(3).toSorted()).toEqual(['c lost', 'd lost']);
    expect(out.pending).toBe(0);
  });
});
