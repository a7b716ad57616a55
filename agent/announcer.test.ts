// Our own status is put right, at most every five seconds and never later.
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Bus } from '../bus/types.ts';
import { decodeStatus } from '../schemas/encode.ts';
import type { Status } from '../schemas/messages.ts';
import { Announcer } from './announcer.ts';
import { Books } from './books.ts';
import { statusOf } from './status.fixture.ts';

let said: (string | undefined)[];
let announcer: Announcer;

const bus: Bus = {
  connected: true,
  protocol: '5',
  start: () => {},
  subscribe: async () => true,
  unsubscribe: async () => {},
  stop: async () => {},
  publish: (_, payload, __, settled = () => {}) => {
    said.push(decodeStatus(payload)?.state);
    settled({ ok: true });
  },
};

beforeEach(async () => {
  vi.useFakeTimers();
  said = [];
  announcer = new Announcer({
    agent: 'edge-1',
    namespace: 'echolot',
    group: 'predictors',
    models: [],
    epoch: 'this life',
    books: new Books(0),
    adoptions: { started: 0, finished: 0, stopped: 0, failed: 0, readings: 0 },
    workers: () => [],
    wallClock: () => Date.now(),
  });
  announcer.start(bus);
  await announcer.announce('online', 'serving');
  said = [];
});
afterEach(() => {
  announcer.stop();
  vi.useRealTimers();
});

const lateWill = decodeStatus(statusOf('edge-1', { state: 'offline', epoch: 'former' })) as Status;
/** Of statuses alone: samples come every five seconds too. */
const statuses = () => said.filter((state) => state !== undefined);

it('a false status is corrected at once, and further ones together as soon as may be', async () => {
  expect(announcer.correct(lateWill)).toBe(true);
  expect(statuses()).toEqual(['online']);
  for (let count = 0; count < 9; count += 1) expect(announcer.correct(lateWill)).toBe(false);
  expect(statuses()).toEqual(['online']);
  await vi.advanceTimersByTimeAsync(5000);
  expect(statuses()).toEqual(['online', 'online']);
  await vi.advanceTimersByTimeAsync(5000);
  expect(statuses()).toEqual(['online', 'online']);
});

it('nothing is corrected after the stop', async () => {
  announcer.correct(lateWill);
  announcer.correct(lateWill);
  announcer.stop();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(statuses()).toEqual(['online']);
});
