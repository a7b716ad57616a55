import { getEventListeners } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BrokerRefusedError } from '../bus/types.ts';
import { encodeMessage } from '../schemas/encode.ts';
import { ClientOptionsError } from './client-options.ts';
import type { ClientEvent, ClientOptions, PublishedOutcome } from './client-types.ts';
import { FakeBus, MODEL, NO_OUTBOX, prediction, type Sent } from './fake-bus.fixture.ts';
import { FakeClock, settle } from './fake-clock.fixture.ts';
import { startClient } from './start-client.ts';

const VALUES = [0.1, 0.2, 0.3];

function setUp(options: Partial<ClientOptions> = {}) {
  const bus = new FakeBus();
  const clock = new FakeClock();
  const events: ClientEvent[] = [];
  const client = startClient(
    {
      url: 'mqtt://localhost:1883',
      clientId: 'buoy-1',
      onEvent: (event) => events.push(event),
      ...options,
    },
    { createBus: bus.create, clock, ...NO_OUTBOX },
  );
  return { bus, clock, client, events };
}

/** Connected, with one agent that serves `sonar`. */
function setUpServed(options: Partial<ClientOptions> = {}) {
  const parts = setUp(options);
  parts.bus.connect();
  parts.bus.status('edge-1');
  return parts;
}

const last = (bus: FakeBus) => bus.sent.at(-1) as Sent;
const problem = (code: string, detail: RegExp = /./) => ({
  ok: false,
  problem: expect.objectContaining({ code, detail: expect.stringMatching(detail) }),
});

describe('classify', () => {
  it('publishes the reading on its own topic and gives the prediction of the answer', async () => {
    const { bus, client } = setUpServed();
    const result = client.classify(new Float32Array([0.5, 0.25]));
    const sent = last(bus);
    expect(sent.topic).toBe('echolot/v1/readings/buoy-1/sonar');
    expect(sent.message).toEqual({ id: sent.id, values: [0.5, 0.25] });
    bus.answer(sent);
    expect(await result).toEqual({
      ok: true,
      prediction: { id: sent.id, ...prediction(), agent: 'edge-1' },
    });
    expect(client.counts).toMatchObject({ published: 1, answered: 1, inFlight: 0, waiting: 0 });
  });

  it("gives the agent's problem as a value", async () => {
    const { bus, client } = setUpServed();
    const result = client.classify(VALUES);
    bus.answer(last(bus), {
      problem: { code: 'VALUES_WRONG_LENGTH', detail: 'expected 60, got 3' },
    });
    expect(await result).toEqual(problem('VALUES_WRONG_LENGTH', /expected 60/));
  });

  it('subscribes its own replies and all statuses, in a clean session', () => {
    const { bus } = setUp({ username: 'name', password: 'secret' });
    expect(bus.options).toMatchObject({
      clientId: 'buoy-1',
      username: 'name',
      password: 'secret',
      cleanSession: true,
      subscriptions: [
        { filter: 'echolot/v1/replies/buoy-1/+', qos: 1 },
        { filter: 'echolot/v1/agents/+/status', qos: 1 },
      ],
    });
  });

  it('waits for the connection and for the status that names the model', async () => {
    const { bus, client, clock } = setUp();
    const result = client.classify(VALUES);
    await clock.advance(500);
    bus.connect();
    expect(bus.sent).toHaveLength(0);
    bus.status('edge-1');
    expect(bus.sent).toHaveLength(1);
    bus.answer(last(bus));
    expect(await result).toMatchObject({ ok: true });
  });

  it('publishes again under the same id after 1, 2 and 4 s and shows one outcome', async () => {
    const { bus, client, clock } = setUpServed();
    const result = client.classify(VALUES, { timeoutMs: 8000 });
    const at: number[] = [];
    for (let time = 0; time < 7500; time += 500) {
      const before = bus.sent.length;
      await clock.advance(500);
      if (bus.sent.length > before) at.push(time + 500);
    }
    expect(at).toEqual([1000, 3000, 7000]);
    expect(new Set(bus.sent.map(({ id }) => id)).size).toBe(1);
    bus.answer(last(bus), prediction('rock', 0.25));
    bus.answer(last(bus), prediction('metal'));
    expect(await result).toMatchObject({ ok: true, prediction: { label: 'rock' } });
    expect(client.counts).toMatchObject({ published: 1, repeated: 3, answered: 1, ignored: 1 });
  });

  it('publishes what is unanswered again at once after a reconnection, in order', async () => {
    const { bus, client, clock } = setUpServed();
    const results = [client.classify(VALUES, { id: 'a' }), client.classify(VALUES, { id: 'b' })];
    bus.lose();
    await clock.advance(3000);
    expect(bus.sent).toHaveLength(2);
    bus.connect();
    expect(bus.sent.map(({ id }) => id)).toEqual(['a', 'b', 'a', 'b']);
    for (const sent of bus.sent.slice(2)) bus.answer(sent);
    expect(await Promise.all(results)).toMatchObject([{ ok: true }, { ok: true }]);
  });

  it('gives TIMEOUT for what was published and not answered', async () => {
    const { bus, client, clock } = setUpServed();
    const result = client.classify(VALUES, { timeoutMs: 2500 });
    const sent = last(bus);
    await clock.advance(2500);
    expect(await result).toEqual(problem('TIMEOUT', /within 2500 ms, published 2 times/));
    bus.answer(sent);
    expect(client.counts).toMatchObject({ unanswered: 1, ignored: 1 });
  });

  it('names the word of a broker that refuses the reading', async () => {
    const { bus, client, clock } = setUpServed();
    bus.outcome = { ok: false, reason: 'refused', detail: 'Not authorized' };
    const result = client.classify(VALUES);
    await clock.advance(5000);
    expect(await result).toEqual(problem('TIMEOUT', /broker refused it: Not authorized/));
  });

  it('gives PAYLOAD_TOO_LARGE at once for what the bus cannot carry', async () => {
    const { bus, client } = setUpServed();
    bus.outcome = { ok: false, reason: 'too-large', detail: 'at most 10 bytes' };
    expect(await client.classify(VALUES)).toEqual(problem('PAYLOAD_TOO_LARGE'));
  });

  it('gives NOT_CONNECTED, and why, where no connection came in time', async () => {
    const { bus, client, clock } = setUp();
    const result = client.classify(VALUES, { timeoutMs: 1000 });
    bus.tell('onUnreachable', 'connect ECONNREFUSED');
    await clock.advance(1000);
    expect(await result).toEqual(problem('NOT_CONNECTED', /within 1000 ms: connect ECONNREFUSED/));
  });

  it('gives up when the caller does', async () => {
    const { client, clock } = setUpServed();
    const controller = new AbortController();
    const result = client.classify(VALUES, { signal: controller.signal });
    controller.abort();
    expect(await result).toEqual(problem('TIMEOUT', /gave up/));
    const { signal } = controller;
    expect(await client.classify(VALUES, { signal })).toEqual(problem('TIMEOUT', /gave up/));
    expect(client.counts.inFlight).toBe(0);
    await clock.advance(1000);
    expect(clock.pending).toBe(0);
  });

  it('leaves nothing behind at a signal that outlives the call', async () => {
    const { bus, client } = setUpServed();
    const { signal } = new AbortController();
    const result = client.classify(VALUES, { signal });
    bus.answer(last(bus));
    await result;
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('passes the deadline on', () => {
    const { bus, client } = setUpServed();
    void client.classify(VALUES, { deadline: new Date(0) });
    expect(last(bus).message['deadline']).toBe('1970-01-01T00:00:00.000Z');
  });

  it.each([
    ['NaN', [Number.NaN], 'VALUES_NOT_NUMBERS', /value 0, got NaN/],
    ['a string', ['1'], 'VALUES_NOT_NUMBERS', /got string/],
    ['a hole', [0, undefined, 1], 'VALUES_NOT_NUMBERS', /value 1, got undefined/],
    ['infinity', [0, Infinity], 'VALUES_OUT_OF_RANGE', /value 1 is Infinity/],
    ['no array', 7, 'VALUES_NOT_NUMBERS', /got number/],
    ['null', null, 'VALUES_NOT_NUMBERS', /got null/],
  ])('refuses %s among the values without publishing', async (_, values, code, detail) => {
    const { bus, client } = setUpServed();
    expect(await client.classify(values as number[])).toEqual(problem(code, detail));
    expect(bus.sent).toHaveLength(0);
  });

  it.each([
    [{ model: 'a/b' }, 'NAME_INVALID', /"a\/b" is no name/],
    [{ model: '' }, 'NAME_INVALID', /is no name/],
    [{ model: 'self-check' }, 'NAME_INVALID', /agents alone/],
    [{ id: '' }, 'ID_INVALID', /0 characters/],
    [{ id: 'ü' }, 'ID_INVALID', /printable ASCII/],
    [{ timeoutMs: 0 }, 'TIMEOUT', /above 0, got 0/],
    [{ timeoutMs: Number.NaN }, 'TIMEOUT', /got NaN/],
    [{ deadline: new Date('never') }, 'DEADLINE_INVALID', /invalid Date/],
  ])('refuses %o without publishing', async (options, code, detail) => {
    const { bus, client } = setUpServed();
    expect(await client.classify(VALUES, options)).toEqual(problem(code, detail));
    expect(bus.sent).toHaveLength(0);
  });

  it('refuses an id that is still unanswered, and takes it again afterwards', async () => {
    const { bus, client } = setUpServed();
    const first = client.classify(VALUES, { id: 'a' });
    expect(await client.classify(VALUES, { id: 'a' })).toEqual(problem('ID_INVALID', /unanswered/));
    bus.answer(last(bus));
    await first;
    void client.classify(VALUES, { id: 'a' });
    expect(bus.sent).toHaveLength(2);
  });
});

describe('the model', () => {
  it('is unknown once the retained statuses had their time', async () => {
    const { bus, client, clock } = setUp();
    const result = client.classify(VALUES);
    bus.connect();
    await clock.advance(999);
    expect(client.counts.waiting).toBe(1);
    await clock.advance(1);
    expect(await result).toEqual(problem('MODEL_UNKNOWN', /model sonar; no model is served/));
    expect(bus.sent).toHaveLength(0);
  });

  it('is refused at once where no live status names it', async () => {
    const { client, clock } = setUpServed();
    await clock.advance(1000);
    const result = await client.classify(VALUES, { model: 'whales' });
    expect(result).toEqual(problem('MODEL_UNKNOWN', /model whales; served are sonar/));
  });

  it.each(['offline', 'draining'] as const)(
    'is not served by an agent that is %s',
    async (state) => {
      const { bus, client, clock } = setUpServed();
      await clock.advance(1000);
      bus.status('edge-1', { state });
      expect(client.models()).toEqual([]);
      expect(await client.classify(VALUES)).toEqual(problem('MODEL_UNKNOWN'));
    },
  );

  it('is not served by an agent that has been silent for two and a half heartbeats', async () => {
    const { bus, client, clock } = setUpServed();
    await clock.advance(60_000);
    expect(client.models()).toEqual([
      { name: 'sonar', agents: [{ agent: 'edge-1', model: MODEL }] },
    ]);
    bus.status('edge-1', { heartbeatAt: '2026-01-31T12:01:00Z' });
    await clock.advance(74_999);
    expect(client.models()).toHaveLength(1);
    await clock.advance(1);
    expect(client.models()).toEqual([]);
  });

  it('gets no younger by a retained status that comes again', async () => {
    const { bus, client, clock } = setUpServed();
    await clock.advance(70_000);
    bus.lose();
    bus.connect();
    bus.status('edge-1');
    await clock.advance(5000);
    expect(client.models()).toEqual([]);
  });

  it('may come later for a reading that was handed over', async () => {
    const published: PublishedOutcome[] = [];
    const { bus, client, clock } = setUp({ onAnswer: (outcome) => published.push(outcome) });
    const result = client.publish({ values: VALUES, id: 'a' });
    await clock.advance(60_000);
    bus.connect();
    await clock.advance(60_000);
    bus.status('edge-1');
    bus.answer(last(bus));
    expect(await result).toMatchObject({ ok: true, prediction: { id: 'a' } });
    expect(published).toEqual([{ id: 'a', model: 'sonar', result: await result }]);
  });

  it('is the problem of a handed-over reading that outlived its time', async () => {
    const { bus, client, clock } = setUp();
    const result = client.publish({ values: VALUES }, { timeToLiveMs: 20_000 });
    bus.connect();
    await clock.advance(20_000);
    expect(await result).toEqual(problem('MODEL_UNKNOWN'));
  });
});

describe('an overloaded agent', () => {
  const overloaded = (retryAfterMs?: number) => ({
    problem: {
      code: 'OVERLOADED',
      detail: 'full',
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    },
  });

  it('is asked again when it said, and not before', async () => {
    const { bus, client, clock } = setUpServed();
    const result = client.classify(VALUES);
    bus.answer(last(bus), overloaded(3000));
    await clock.advance(2999);
    expect(bus.sent).toHaveLength(1);
    await clock.advance(1);
    expect(bus.sent).toHaveLength(2);
    bus.answer(last(bus));
    expect(await result).toMatchObject({ ok: true });
  });

  it('is left alone even over a reconnection', async () => {
    const { bus, client, clock } = setUpServed();
    void client.classify(VALUES);
    bus.answer(last(bus), overloaded(3000));
    bus.lose();
    bus.connect();
    await clock.advance(2999);
    expect(bus.sent).toHaveLength(1);
    await clock.advance(1);
    expect(bus.sent).toHaveLength(2);
  });

  it('is the outcome where the time-out comes first', async () => {
    const { bus, client } = setUpServed();
    const result = client.classify(VALUES);
    bus.answer(last(bus), overloaded(5000));
    expect(await result).toEqual(problem('OVERLOADED'));
  });

  it('is asked after a second where it names no time', async () => {
    const { bus, client, clock } = setUpServed();
    void client.classify(VALUES);
    bus.answer(last(bus), overloaded());
    await clock.advance(999);
    expect(bus.sent).toHaveLength(1);
    await clock.advance(1);
    expect(bus.sent).toHaveLength(2);
  });
});

describe('the bounds', () => {
  it('keep at most maxUnanswered out and let the others follow in order', async () => {
    const { bus, client } = setUpServed({ maxUnanswered: 2 });
    const results = ['a', 'b', 'c', 'd'].map((id) => client.classify(VALUES, { id }));
    expect(bus.sent.map(({ id }) => id)).toEqual(['a', 'b']);
    bus.answer(bus.sent[1] as Sent);
    expect(bus.sent.map(({ id }) => id)).toEqual(['a', 'b', 'c']);
    bus.answer(bus.sent[0] as Sent);
    bus.answer(bus.sent[2] as Sent);
    bus.answer(bus.sent[3] as Sent);
    expect(await Promise.all(results)).toMatchObject(Array(4).fill({ ok: true }));
  });

  it('refuse what finds no room to wait', async () => {
    const { bus, client } = setUpServed({ maxUnanswered: 1, maxWaiting: 1 });
    const kept = [client.classify(VALUES), client.classify(VALUES)];
    expect(await client.classify(VALUES)).toEqual(
      problem('OUTBOX_FULL', /1 readings wait already/),
    );
    bus.answer(last(bus));
    bus.answer(last(bus));
    expect(await Promise.all(kept)).toMatchObject([{ ok: true }, { ok: true }]);
  });

  it('hold without a connection too', async () => {
    const { client } = setUp({ maxWaiting: 1 });
    void client.classify(VALUES);
    expect(await client.classify(VALUES)).toEqual(problem('OUTBOX_FULL'));
  });

  it('end thousands of waiting calls without a deep stack', async () => {
    const { bus, client, clock } = setUp();
    const results = Array.from({ length: 9000 }, () =>
      client.classify(VALUES, { timeoutMs: 9000 }),
    );
    bus.connect();
    await clock.advance(1000);
    const codes = (await Promise.all(results)).map((result) => !result.ok && result.problem.code);
    expect(new Set(codes)).toEqual(new Set(['MODEL_UNKNOWN']));
  });
});

describe('what arrives unasked', () => {
  it.each([
    ['not JSON', 'replies/buoy-1/sonar', Buffer.from('{'), 'malformed'],
    ['no answer', 'replies/buoy-1/sonar', { id: 'a', label: 7 }, 'malformed'],
    [
      'a batch for one',
      'replies/buoy-1/sonar',
      { id: 'a', predictions: [prediction()], model: MODEL, agent: 'edge-1' },
      'malformed',
    ],
    [
      "another's id",
      'replies/buoy-1/sonar',
      { id: 'b', ...prediction(), agent: 'edge-1' },
      'unasked',
    ],
    [
      'another model',
      'replies/buoy-1/whales',
      { id: 'a', ...prediction(), agent: 'edge-1' },
      'unasked',
    ],
    [
      'no id',
      'replies/buoy-1/sonar',
      { id: null, problem: { code: 'ID_MISSING', detail: '' }, agent: 'edge-1' },
      'unasked',
    ],
    [
      "another's topic",
      'replies/buoy-2/sonar',
      { id: 'a', ...prediction(), agent: 'edge-1' },
      'foreign',
    ],
    ['a broken status', 'agents/edge-2/status', { state: 'online' }, 'malformed'],
  ])('is ignored and counted: %s', async (_, topic, payload, reason) => {
    const { bus, client, events } = setUpServed();
    const result = client.classify(VALUES, { id: 'a' });
    bus.deliver(`echolot/v1/${topic}`, payload);
    expect(events.at(-1)).toEqual({ type: 'ignored', reason, topic: `echolot/v1/${topic}` });
    expect(client.counts).toMatchObject({ ignored: 1, inFlight: 1 });
    bus.answer(last(bus));
    expect(await result).toMatchObject({ ok: true });
    expect(bus.settled).toBe(3);
  });

  it('is ignored where it is retained', () => {
    const { bus, client } = setUpServed();
    void client.classify(VALUES, { id: 'a' });
    const answer = { id: 'a', ...prediction(), agent: 'edge-1' };
    bus.deliver('echolot/v1/replies/buoy-1/sonar', answer, true);
    expect(client.counts).toMatchObject({ ignored: 1, inFlight: 1 });
  });
});

describe('classifyBatch', () => {
  it('sends rows in one message and gives one prediction per row', async () => {
    const { bus, client } = setUpServed();
    const result = client.classifyBatch([VALUES, new Float32Array([0, 0, 1])]);
    expect(last(bus).message['values']).toEqual([VALUES, [0, 0, 1]]);
    const { model, ...row } = prediction();
    bus.answer(last(bus), { predictions: [row, row], model });
    expect(await result).toEqual({
      ok: true,
      id: last(bus).id,
      predictions: [row, row],
      model,
      agent: 'edge-1',
    });
  });

  it('sends a Float32Array as it is in CBOR and reads typed scores', async () => {
    const { bus, client } = setUpServed({ encoding: 'cbor' });
    const values = new Float32Array([0.5, 0.25, 0, 1]);
    const result = client.classifyBatch(values, { width: 2 });
    const { id, topic, message } = last(bus);
    expect(message['values']).toEqual(values);
    const scores = new Float32Array([0.75, 0.25, 0.125, 0.875]);
    const answer = { id, labels: ['metal', 'rock'], scores, model: MODEL, agent: 'edge-1' };
    bus.deliver(topic.replace('readings', 'replies'), encodeMessage(answer, 'cbor'));
    expect(await result).toMatchObject({
      ok: true,
      predictions: [
        { label: 'metal', score: 0.75, scores: { metal: 0.75, rock: 0.25 } },
        { label: 'rock', score: 0.875, scores: { metal: 0.125, rock: 0.875 } },
      ],
    });
  });

  it('ignores an answer with too few rows', async () => {
    const { bus, client, events } = setUpServed();
    void client.classifyBatch([VALUES, VALUES]);
    const { model, ...row } = prediction();
    bus.answer(last(bus), { predictions: [row], model });
    expect(events.at(-1)).toMatchObject({ type: 'ignored', reason: 'malformed' });
    expect(client.counts.inFlight).toBe(1);
  });

  it('sends a Float32Array as rows in JSON', () => {
    const { bus, client } = setUpServed();
    void client.classifyBatch(new Float32Array([0.5, 0.25, 0, 1]), { width: 2 });
    expect(last(bus).message['values']).toEqual([
      [0.5, 0.25],
      [0, 1],
    ]);
  });

  it('notices a width that the model reads otherwise', async () => {
    const { bus, client } = setUpServed({ encoding: 'cbor' });
    const result = client.classifyBatch(new Float32Array(6), { width: 2 });
    const { id, topic } = last(bus);
    const answer = {
      id,
      labels: ['a', 'b'],
      scores: new Float32Array(4),
      model: MODEL,
      agent: 'e',
    };
    bus.deliver(topic.replace('readings', 'replies'), encodeMessage(answer, 'cbor'));
    expect(await result).toEqual(
      problem('VALUES_WRONG_LENGTH', /expected 3 values per row, got 2/),
    );
  });

  it.each([
    ['no rows', [], 'VALUES_MISSING'],
    ['too many rows', Array(4097).fill(VALUES), 'BATCH_TOO_LARGE'],
    ['a row that is none', [VALUES, ['x']], 'VALUES_NOT_NUMBERS'],
  ])('refuses %s without publishing', async (_, rows, code) => {
    const { bus, client } = setUpServed();
    expect(await client.classifyBatch(rows as number[][])).toEqual(problem(code));
    expect(bus.sent).toHaveLength(0);
  });

  it('names the row and refuses a width that does not divide', async () => {
    const { client } = setUpServed({ encoding: 'cbor' });
    expect(await client.classifyBatch([VALUES, [Number.NaN]])).toMatchObject({
      problem: { row: 1 },
    });
    const values = new Float32Array([0, 0, 0, Number.NaN]);
    expect(await client.classifyBatch(values, { width: 2 })).toMatchObject({
      problem: { code: 'VALUES_NOT_NUMBERS', row: 1, detail: expect.stringContaining('value 1') },
    });
    expect(await client.classifyBatch(values, { width: 3 })).toEqual(
      problem('VALUES_WRONG_LENGTH'),
    );
  });
});

describe('the end', () => {
  it('gives every open call its outcome, leaves no timer and stops the bus once', async () => {
    const { bus, client, clock } = setUpServed({ maxUnanswered: 1 });
    const results = [client.classify(VALUES), client.classify(VALUES)];
    await Promise.all([client.close(), client.close()]);
    expect(await Promise.all(results)).toEqual(Array(2).fill(problem('NOT_CONNECTED', /closed/)));
    expect(await client.classify(VALUES)).toEqual(problem('NOT_CONNECTED', /closed/));
    expect(bus.stopped).toBe(true);
    expect(clock.pending).toBe(0);
  });

  it('comes with the reason when the broker refuses the client', async () => {
    const { bus, client, clock, events } = setUp();
    const result = client.classify(VALUES);
    const error = new BrokerRefusedError('the password is wrong', 'check ECHOLOT_PASSWORD_FILE');
    bus.refuse(error);
    expect(await result).toEqual(problem('NOT_CONNECTED', /password is wrong: check ECHOLOT/));
    expect(await client.failed).toBe(error);
    expect(events).toEqual([{ type: 'refused', error }]);
    expect(clock.pending).toBe(0);
  });
});

describe('the options', () => {
  const create = (options: Partial<ClientOptions>) => () => setUp(options);

  it.each<[Partial<ClientOptions>, string, RegExp]>([
    [{ clientId: 'a/b' }, 'NAME_INVALID', /clientId "a\/b" is no name/],
    [{ namespace: '#' }, 'NAME_INVALID', /namespace "#" is no name/],
    [{ model: ' ' }, 'NAME_INVALID', /model " " is no name/],
    [{ url: 'localhost' }, 'URL_INVALID', /is no URL/],
    [{ url: 'http://localhost' }, 'URL_INVALID', /no address of a broker/],
    [{ url: 'mqtt://' }, 'URL_INVALID', /no /],
    [{ url: 'mqtt://me:secret@host' }, 'URL_INVALID', /\/\/…@host.*holds credentials/],
    [{ maxUnanswered: 0 }, 'OPTION_INVALID', /maxUnanswered is 0/],
    [{ maxWaiting: 1.5 }, 'OPTION_INVALID', /maxWaiting is 1.5/],
    [{ encoding: 'xml' as 'json' }, 'OPTION_INVALID', /encoding is "xml"/],
    [{ passwordFile: '/does/not/exist' }, 'PASSWORD_UNREADABLE', /cannot be read/],
    [{ password: 'a', passwordFile: 'b' }, 'OPTION_INVALID', /both/],
  ])('throw where they cannot be used: %o', (options, code, message) => {
    expect(create(options)).toThrow(ClientOptionsError);
    expect(create(options)).toThrow(expect.objectContaining({ code, exitCode: 78 }));
    expect(create(options)).toThrow(message);
    expect(create(options)).not.toThrow(/secret/);
  });

  it('take the password from the first line of a file, and the client id as username', () => {
    const file = join(mkdtempSync(join(tmpdir(), 'echolot-client-')), 'password');
    writeFileSync(file, 'sesame\r\n');
    const { bus } = setUp({ passwordFile: file });
    expect(bus.options).toMatchObject({ username: 'buoy-1', password: 'sesame' });
    expect(setUp().bus.options).not.toHaveProperty('username');
  });
});

describe('a listener that throws', () => {
  it('does not disturb the calls, and its error surfaces', async () => {
    const surfaced: unknown[] = [];
    const listeners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.once('uncaughtException', (error) => surfaced.push(error));
    const fault = new Error('in the listener');
    const { bus, client } = setUp({
      onEvent: () => {
        throw fault;
      },
    });
    bus.connect();
    bus.status('edge-1');
    await settle();
    for (const listener of listeners) process.on('uncaughtException', listener);
    const result = client.classify(VALUES);
    bus.answer(last(bus));
    expect(await result).toMatchObject({ ok: true });
    expect(surfaced).toEqual([fault]);
  });
});
