// Peers: fresh by the reader's own clock, of the same group, serving the same models.
import { describe, expect, it } from 'vitest';
import type { Status } from '../schemas/messages.ts';
import { Peers } from './peers.ts';

const status = (agent: string, more: Partial<Status> = {}): Status => ({
  state: 'online',
  reason: 'serving',
  agent,
  epoch: 'e',
  heartbeatAt: '2020-01-01T00:00:00Z',
  protocol: '5',
  group: 'predictors',
  models: [
    { name: 'sonar', version: '1.0.0', digest: `sha256:${'0'.repeat(64)}`, runtime: 'onnx' },
  ],
  ...more,
});

describe('peers', () => {
  const covered = (...seen: [Status, number][]) => {
    const peers = new Peers('self');
    for (const [each, atMs] of seen) peers.record(each, atMs);
    return peers.cover('predictors', ['sonar'], 100_000);
  };

  it('cover where another one is online and fresh', () => {
    expect(covered([status('other'), 90_000])).toBe(true);
  });

  it('do not cover where nobody, only we, or only the gone are there', () => {
    expect(covered()).toBe(false);
    expect(covered([status('self'), 90_000])).toBe(false);
    expect(covered([status('other'), 20_000])).toBe(false);
    expect(
      covered([status('other'), 80_000], [status('other', { state: 'offline' }), 90_000]),
    ).toBe(false);
    expect(covered([status('other', { group: 'others' }), 90_000])).toBe(false);
    expect(covered([status('other', { models: [] }), 90_000])).toBe(false);
  });
});
