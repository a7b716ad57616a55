import { describe, expect, it } from 'vitest';
import { BrokerRefusedError } from '../bus/types.ts';
import type { ClientEvent, OutboxOptions, PublishedOutcome } from './client-types.ts';
import { FakeBus, MODEL, type Sent } from './fake-bus.fixture.ts';
import { FakeClock, settle } from './fake-clock.fixture.ts';
import { MemoryDisk } from './memory-outbox.fixture.ts';
import { OutboxError } from './outbox-error.ts';
import { startClient } from './start-client.ts';

const VALUES = [0.1, 0.2, 0.3];

interface SetUp {
  readonly disk?: MemoryDisk;
  readonly outbox?: Partial<OutboxOptions>;
  readonly maxUnanswered?: number;
  readonly maxWaiting?: number;
  readonly wallMs?: number;
  readonly open?: MemoryDisk['open'];
  readonly onAnswer?: (outcome: PublishedOutcome) => void;
}

function setUp({ disk = new MemoryDisk(), outbox = {}, ...rest }: SetUp = {}) {
  const bus = new FakeBus();
  const clock = new FakeClock();
  const outcomes: PublishedOutcome[] = [];
  const events: ClientEvent[] = [];
  const { maxUnanswered = 64, maxWaiting = 100, open = disk.open, wallMs = 0 } = rest;
  const client = startClient(
    {
      url: 'mqtt://localhost:1883',
      clientId: 'buoy-1',
      maxUnanswered,
      maxWaiting,
      outbox: { folder: 'outbox', ...outbox },
      onAnswer: (outcome) => {
        outcomes.push(outcome);
        rest.onAnswer?.(outcome);
      },
      onEvent: (event) => events.push(event),
    },
    { createBus: bus.create, clock, wallNow: () => wallMs + clock.now(), openOutbox: open },
  );
  const put = (...ids: string[]) =>
    Promise.all(ids.map((id) => client.publish({ id, values: VALUES })));
  const serve = async () => {
    bus.connect();
    bus.status('edge-1');
    await settle();
  };
  return { bus, clock, client, disk, events, outcomes, put, serve };
}

const sentIds = (bus: FakeBus) => bus.sent.map(({ id }) => id);
const told = (outcomes: readonly PublishedOutcome[]) =>
  outcomes.map(({ id, result }) => [id, result.ok ? result.prediction.label : result.problem.code]);
const overloaded = (retryAfterMs: number) => ({
  problem: { code: 'OVERLOADED', detail: 'no room', retryAfterMs },
});

describe('a client with an outbox', () => {
  it('accepts a reading without a connection and keeps it on disk', async () => {
    const { client, disk, outcomes } = setUp();
    expect(await client.publish({ id: 'a', values: VALUES })).toEqual({ ok: true, id: 'a' });
    const { reading, payload } = disk.records.get(1) ?? {};
    expect(reading).toMatchObject({ id: 'a', model: 'sonar', width: 3, attempts: 0 });
    expect(JSON.parse(String(payload))).toEqual({ id: 'a', values: VALUES });
    expect(client.counts.outbox).toMatchObject({ kept: 1, bytes: payload?.length, dropped: 0 });
    expect(outcomes).toEqual([]);
  });

  it('tells the outcome once by onAnswer and forgets the reading after that', async () => {
    const keptWhenTold: number[] = [];
    const disk = new MemoryDisk();
    const parts = setUp({ disk, onAnswer: () => keptWhenTold.push(disk.records.size) });
    await parts.serve();
    await parts.put('a');
    await settle();
    const [sent] = parts.bus.sent as [Sent];
    expect(sent.topic).toBe('echolot/v1/readings/buoy-1/sonar');
    parts.bus.answer(sent);
    parts.bus.answer(sent);
    await settle();
    expect(told(parts.outcomes)).toEqual([['a', 'metal']]);
    expect(keptWhenTold).toEqual([1]);
    expect(disk.records.size).toBe(0);
    expect(parts.client.counts.outbox).toMatchObject({ kept: 0, bytes: 0, oldestAt: null });
  });

  it('sends in order of capture, maxUnanswered at a time, what an earlier process left first', async () => {
    const disk = new MemoryDisk();
    const before = setUp({ disk });
    await before.put('a', 'b', 'c');
    await before.client.close();
    const after = setUp({ disk, maxUnanswered: 2 });
    await after.put('d');
    await after.serve();
    expect(sentIds(after.bus)).toEqual(['a', 'b']);
    for (let round = 0; round < 3; round += 1) {
      after.bus.answerAll();
      await settle();
    }
    expect(sentIds(after.bus)).toEqual(['a', 'b', 'c', 'd']);
    expect(told(after.outcomes).map(([id]) => id)).toEqual(['a', 'b', 'c', 'd']);
    expect(before.outcomes).toEqual([]);
    expect(disk.mostRead).toBe(2);
  });

  it('publishes again under the same id with back-off, and at once after a reconnection', async () => {
    const { bus, clock, disk, put, serve } = setUp();
    await serve();
    await put('a');
    await settle();
    await clock.advance(3000);
    expect(sentIds(bus)).toEqual(['a', 'a', 'a']);
    expect(disk.records.get(1)?.reading.attempts).toBe(3);
    bus.lose();
    await clock.advance(60_000);
    expect(bus.sent).toHaveLength(3);
    bus.connect();
    expect(sentIds(bus)).toEqual(['a', 'a', 'a', 'a']);
  });

  it('keeps what is unanswered when it is closed, without an outcome', async () => {
    const { client, disk, outcomes, put, serve } = setUp();
    await serve();
    await put('a');
    await settle();
    await client.close();
    await settle();
    expect(outcomes).toEqual([]);
    expect(disk.records.size).toBe(1);
    expect(await client.publish({ values: VALUES })).toMatchObject({
      ok: false,
      problem: { code: 'NOT_CONNECTED' },
    });
  });

  it('asks an overloaded agent again when it said', async () => {
    const { bus, clock, outcomes, put, serve } = setUp();
    await serve();
    await put('a');
    await settle();
    bus.answer(bus.sent[0] as Sent, overloaded(5000));
    await clock.advance(4999);
    expect(bus.sent).toHaveLength(1);
    await clock.advance(1);
    expect(bus.sent).toHaveLength(2);
    bus.answer(bus.sent[1] as Sent);
    await settle();
    expect(told(outcomes)).toEqual([['a', 'metal']]);
  });

  it("takes an agent's problem for the outcome", async () => {
    const { bus, client, outcomes, put, serve } = setUp();
    await serve();
    await put('a');
    await settle();
    bus.answer(bus.sent[0] as Sent, { problem: { code: 'MODEL_FAILED', detail: 'it failed' } });
    await settle();
    expect(told(outcomes)).toEqual([['a', 'MODEL_FAILED']]);
    expect(client.counts.outbox).toMatchObject({ kept: 0, expired: 0 });
  });

  it('refuses a name, an id and values that nobody could answer, and an id that is kept', async () => {
    const { client, disk, put } = setUp();
    const code = async (result: ReturnType<typeof client.publish>) => {
      const taken = await result;
      return taken.ok ? 'ok' : taken.problem.code;
    };
    expect(await code(client.publish({ values: VALUES }, { model: 'no name' }))).toBe(
      'NAME_INVALID',
    );
    expect(await code(client.publish({ id: '', values: VALUES }))).toBe('ID_INVALID');
    expect(await code(client.publish({ values: [Number.NaN] }))).toBe('VALUES_NOT_NUMBERS');
    const twice = await put('a', 'a');
    expect(twice).toMatchObject([{ ok: true }, { ok: false, problem: { code: 'ID_INVALID' } }]);
    expect(await code(client.publish({ id: 'a', values: VALUES }, { model: 'other' }))).toBe('ok');
    expect(disk.records.size).toBe(2);
  });

  it('lets a model without agents hold up no other, even when its agents went away meanwhile', async () => {
    const { bus, client, clock, outcomes, serve } = setUp({ maxUnanswered: 1 });
    const other = { ...MODEL, name: 'other' };
    await serve();
    bus.status('edge-2', { models: [other] });
    await client.publish({ id: 'a', values: VALUES }, { model: 'other' });
    await settle();
    await client.publish({ id: 'b', values: VALUES });
    await settle();
    expect(sentIds(bus)).toEqual(['a']);
    bus.status('edge-2', { state: 'offline', models: [other] });
    await clock.advance(1000);
    expect(sentIds(bus)).toEqual(['a', 'b']);
    bus.answerAll();
    await settle();
    expect(told(outcomes).map(([id]) => id)).toEqual(['a', 'b']);
  });

  it('leaves a late OVERLOADED alone where nobody serves the model any more', async () => {
    const { bus, clock, put, serve } = setUp();
    await serve();
    await put('a');
    await settle();
    bus.status('edge-1', { state: 'offline' });
    await clock.advance(1000);
    bus.answer(bus.sent[0] as Sent, overloaded(100));
    await clock.advance(5000);
    expect(sentIds(bus)).toEqual(['a']);
    bus.status('edge-1', { heartbeatAt: '2026-01-31T12:01:00Z' });
    expect(sentIds(bus)).toEqual(['a', 'a']);
  });

  it('reads nothing while the broker is away, and goes on at its return', async () => {
    const { bus, disk, put, serve } = setUp();
    await serve();
    bus.lose();
    await put('a', 'b');
    await settle();
    expect(disk.mostRead).toBe(0);
    bus.connect();
    await settle();
    expect(sentIds(bus)).toEqual(['a', 'b']);
  });

  it('waits behind calls for room, whatever they may wait themselves', async () => {
    const { bus, client, outcomes, put, serve } = setUp({ maxUnanswered: 1, maxWaiting: 0 });
    await serve();
    const call = client.classify(VALUES, { id: 'call' });
    await put('a');
    await settle();
    expect(outcomes).toEqual([]);
    bus.answerAll();
    expect(await call).toMatchObject({ ok: true });
    expect(sentIds(bus)).toEqual(['call', 'a']);
  });

  it('keeps what the broker refuses to hear, and takes more', async () => {
    const { bus, client, disk, outcomes, put, serve } = setUp();
    await serve();
    await put('a');
    await settle();
    bus.refuse(new BrokerRefusedError('wrong password', 'mend it'));
    await settle();
    expect(await put('b')).toEqual([{ ok: true, id: 'b' }]);
    expect(await client.failed).toBeInstanceOf(BrokerRefusedError);
    expect(outcomes).toEqual([]);
    expect(disk.records.size).toBe(2);
  });
});

describe('the bounds of an outbox', () => {
  it('drop the oldest for the newest, count it and tell it', async () => {
    const { client, disk, outcomes, put } = setUp({ outbox: { maxCount: 2 } });
    await put('a', 'b', 'c');
    expect(told(outcomes)).toEqual([['a', 'OUTBOX_FULL']]);
    expect([...disk.records.values()].map(({ reading }) => reading.id)).toEqual(['b', 'c']);
    expect(client.counts.outbox).toMatchObject({ kept: 2, dropped: 1 });
  });

  it('drop what is out only as the last resort, and tell it once', async () => {
    const { bus, clock, outcomes, put, serve } = setUp({ outbox: { maxCount: 1 } });
    await serve();
    await put('a');
    await settle();
    await put('b');
    await clock.advance(1000);
    expect(sentIds(bus)).toEqual(['a', 'b', 'b']);
    bus.answer(bus.sent[0] as Sent);
    await settle();
    expect(told(outcomes)).toEqual([['a', 'OUTBOX_FULL']]);
  });

  it('refuse a reading that is larger than everything', async () => {
    const { client } = setUp({ outbox: { maxBytes: 10 } });
    expect(await client.publish({ values: VALUES })).toMatchObject({
      ok: false,
      problem: { code: 'OUTBOX_FULL', detail: expect.stringContaining('room for 10') },
    });
  });

  it('end by age, on the wall clock over a restart, published or not', async () => {
    const disk = new MemoryDisk();
    const outbox = { maxAgeMs: 10_000 };
    const before = setUp({ disk, outbox });
    await before.put('a');
    await before.clock.advance(4000);
    await before.put('b');
    await before.client.close();
    const after = setUp({ disk, outbox, wallMs: 12_000 });
    await settle();
    expect(told(after.outcomes)).toEqual([['a', 'TIMEOUT']]);
    await after.serve();
    expect(sentIds(after.bus)).toEqual(['b']);
    await after.clock.advance(1999);
    expect(after.outcomes).toHaveLength(1);
    await after.clock.advance(1);
    expect(told(after.outcomes)).toEqual([
      ['a', 'TIMEOUT'],
      ['b', 'TIMEOUT'],
    ]);
    expect(after.client.counts.outbox).toMatchObject({ kept: 0, expired: 2 });
    expect(disk.records.size).toBe(0);
  });

  it('hold while nothing is due, one timer for all', async () => {
    const { clock, outcomes, put } = setUp({ outbox: { maxAgeMs: 1000 } });
    await put('a');
    await clock.advance(400);
    await put('b');
    expect(clock.pending).toBe(1);
    await clock.advance(600);
    expect(told(outcomes)).toEqual([['a', 'TIMEOUT']]);
    await clock.advance(400);
    expect(told(outcomes)).toHaveLength(2);
  });

  it('make nothing older when the wall clock was set back', async () => {
    const disk = new MemoryDisk();
    const before = setUp({ disk, wallMs: 1_000_000 });
    await before.put('a');
    await before.client.close();
    const after = setUp({ disk, wallMs: 0, outbox: { maxAgeMs: 1000 } });
    await after.clock.advance(999);
    expect(after.outcomes).toEqual([]);
    await after.clock.advance(1);
    expect(told(after.outcomes)).toEqual([['a', 'TIMEOUT']]);
  });
});

describe('a disk that fails', () => {
  it('gives OUTBOX_FULL while it takes nothing, drops nothing for it, and is tried again', async () => {
    const { client, disk, outcomes, put } = setUp({ outbox: { maxCount: 1 } });
    await put('a');
    disk.failure = 'No space left on device';
    expect(await put('b')).toMatchObject([
      {
        ok: false,
        problem: { code: 'OUTBOX_FULL', detail: expect.stringMatching(/No space left/) },
      },
    ]);
    expect(outcomes).toEqual([]);
    expect(client.counts.outbox.kept).toBe(1);
    disk.failure = null;
    expect(await put('b')).toEqual([{ ok: true, id: 'b' }]);
  });

  it('is read again after a second, in order', async () => {
    const { bus, clock, disk, put, serve } = setUp();
    await put('a', 'b');
    disk.isUnreadable = true;
    await serve();
    expect(bus.sent).toHaveLength(0);
    disk.isUnreadable = false;
    await clock.advance(1000);
    expect(sentIds(bus)).toEqual(['a', 'b']);
  });

  it('ends a reading whose payload is damaged, and sends the others', async () => {
    const { bus, disk, outcomes, put, serve } = setUp();
    await put('a', 'b');
    (disk.records.get(1) as { payload: Buffer | null }).payload = null;
    await serve();
    expect(told(outcomes)).toEqual([['a', 'TIMEOUT']]);
    expect(sentIds(bus)).toEqual(['b']);
  });

  it('is told where the database had to leave something out', async () => {
    const disk = new MemoryDisk();
    disk.damage = 'dropping 10 bytes';
    const { client, events } = setUp({ disk });
    await client.opened();
    expect(events).toEqual([{ type: 'damaged', detail: 'dropping 10 bytes' }]);
  });

  it('is the error of every publish and of `failed` where the folder cannot be used', async () => {
    const error = new OutboxError('OUTBOX_IN_USE', 'in use', 'wait');
    const { client } = setUp({ open: () => Promise.reject(error) });
    await expect(client.publish({ values: VALUES })).rejects.toBe(error);
    await expect(client.opened()).rejects.toBe(error);
    expect(await client.failed).toBe(error);
    await client.close();
  });
});
