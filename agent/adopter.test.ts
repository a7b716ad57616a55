// The adopter's decisions on a broker that does what a test says: refusals, losses, rivals, stops.
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  BrokerRefusedError,
  type Bus,
  type BusEvents,
  type BusOptions,
  type Incoming,
} from '../bus/types.ts';
import { decodeAdopting, decodeStatus } from '../schemas/encode.ts';
import type { Status } from '../schemas/messages.ts';
import { Adopter } from './adopter.ts';
import { statusOf } from './status.fixture.ts';

const SETTINGS = {
  graceMs: 1000,
  freshMs: 10_000,
  drainingMs: 3000,
  quietMs: 500,
  rivalMs: 200,
};

/** A connection under a foreign id, as the test plays it. */
interface Opened {
  readonly options: BusOptions;
  readonly events: BusEvents;
  readonly unsubscribed: string[];
  /** The broker answers no UNSUBSCRIBE before. */
  stall: Promise<void> | null;
  stopped: { endSession?: boolean } | null;
}

let opened: Opened[];
let said: string[];
let accepted: Incoming[];
let lines: string[];
let ownIsFine: boolean | Promise<boolean>;
let adopter: Adopter;

beforeEach(() => {
  vi.useFakeTimers();
  opened = [];
  said = [];
  accepted = [];
  lines = [];
  ownIsFine = true;
  adopter = create();
});
afterEach(async () => {
  const stopped = adopter.stop();
  await vi.advanceTimersByTimeAsync(1000);
  await stopped;
  vi.useRealTimers();
});

function create(protocol: '3.1.1' | '5' = '5', graceMs = SETTINGS.graceMs): Adopter {
  return new Adopter({
    self: 'edge-1',
    namespace: 'echolot',
    group: 'predictors',
    models: ['sonar'],
    settings: { ...SETTINGS, graceMs },
    bus: { url: 'mqtt://127.0.0.1:1' },
    createBus: (options, events) => {
      const connection: Opened = { options, events, unsubscribed: [], stall: null, stopped: null };
      opened.push(connection);
      const bus: Bus = {
        connected: true,
        protocol,
        start: () => {},
        publish: () => {},
        subscribe: async () => true,
        unsubscribe: async (filters) => {
          connection.unsubscribed.push(...filters);
          await connection.stall;
        },
        stop: async (how = {}) => {
          connection.stopped = how;
        },
      };
      return bus;
    },
    publish: (topic, payload) => {
      const { agent, state } = decodeAdopting(payload) ?? {};
      said.push(`${topic} ${agent} ${state}`);
    },
    accept: (message) => void accepted.push(message),
    proveOwn: async () => ownIsFine,
    log: pino(
      { level: 'info' },
      { write: (line: string) => void lines.push(JSON.parse(line).msg) },
    ),
    clock: () => Date.now(),
  });
}

const see = (agent: string, more: Partial<Status> = {}) =>
  adopter.see(decodeStatus(statusOf(agent, more)) as Status);
const seeGone = (agent: string) => see(agent, { state: 'offline', reason: 'connection lost' });
const pass = (milliseconds: number) => vi.advanceTimersByTimeAsync(milliseconds);
const states = () => said.map((text) => text.split(' ').at(-1));

function reading(topic = 'echolot/v1/readings/buoy-7/sonar'): Incoming & { settled: boolean } {
  return {
    topic,
    payload: Buffer.from('{}'),
    qos: 1,
    retain: false,
    dup: false,
    responseTopic: undefined,
    correlationData: undefined,
    expirySeconds: undefined,
    settled: false,
    settle() {
      this.settled = true;
    },
  };
}

/** Up to the connection under the id of edge-9. */
async function untilOpened(): Promise<Opened> {
  adopter.serving();
  seeGone('edge-9');
  await pass(1000 + 100 + 200);
  return opened.at(-1) as Opened;
}

describe('the adopter', () => {
  it('connects once under the foreign id, without a will, and takes it out of the group first', async () => {
    const { events, options, unsubscribed } = await untilOpened();
    expect(options).toMatchObject({
      clientId: 'edge-9',
      username: 'edge-1',
      cleanSession: false,
      reconnect: false,
      subscriptions: [],
    });
    expect(options.will).toBeUndefined();
    events.onReady({ protocol: '5', sessionPresent: true });
    await pass(0);
    expect(unsubscribed).toEqual([
      '$share/predictors/echolot/v1/readings/+/sonar',
      'echolot/v1/readings/edge-9/self-check',
      'echolot/v1/replies/edge-9/self-check',
      'echolot/v1/agents/+/status',
      'echolot/v1/agents/+/adopting',
    ]);
    expect(said).toEqual(['echolot/v1/agents/edge-1/adopting edge-9 started']);
  });

  it('ends the session when all is settled and quiet, and not before', async () => {
    const connection = await untilOpened();
    const { events } = connection;
    const first = reading();
    events.onMessage(first);
    events.onReady({ protocol: '5', sessionPresent: true });
    await pass(5000);
    expect(connection.stopped).toBeNull();
    expect(first.settled).toBe(false);
    accepted[0]?.settle();
    expect(first.settled).toBe(true);
    await pass(400);
    const heartbeat = reading('echolot/v1/agents/edge-2/status');
    events.onMessage(heartbeat);
    expect(heartbeat.settled).toBe(true);
    await pass(200);
    expect(connection.stopped).toMatchObject({ endSession: true });
    expect(states().at(-1)).toBe('finished');
    expect(adopter.counts).toMatchObject({ started: 1, finished: 1, readings: 1 });
    await pass(60_000);
    expect(opened).toHaveLength(1);
  });

  it('ends no session that is silent only because the broker stalls', async () => {
    const connection = await untilOpened();
    const { events } = connection;
    events.onReady({ protocol: '5', sessionPresent: true });
    await pass(0);
    let goOn = () => {};
    connection.stall = new Promise((resolve) => {
      goOn = resolve;
    });
    await pass(5000);
    expect(connection.stopped).toBeNull();
    events.onMessage(reading());
    goOn();
    await pass(5000);
    expect(connection.stopped).toBeNull();
    accepted[0]?.settle();
    await pass(700);
    expect(connection.stopped).toMatchObject({ endSession: true });
  });

  it('leaves an empty session on 3.1.1: a clean connection might throw out the owner', async () => {
    adopter = create('3.1.1');
    const connection = await untilOpened();
    connection.events.onReady({ protocol: '3.1.1', sessionPresent: true });
    await pass(700);
    expect(connection.stopped).toMatchObject({ endSession: false });
    expect(states().at(-1)).toBe('finished');
  });

  it.each([
    ['its id is taken', ({ events }: Opened) => events.onLost('closed')],
    ['the owner is seen', () => see('edge-9', { epoch: 'second life' })],
    ['our own connection is lost', () => adopter.lost()],
    ['we stop', () => void adopter.stop()],
  ])('keeps the session where %s', async (_, happens) => {
    const connection = await untilOpened();
    connection.events.onReady({ protocol: '5', sessionPresent: true });
    connection.events.onMessage(reading());
    await pass(0);
    happens(connection);
    await pass(100);
    expect(connection.stopped).toMatchObject({ endSession: false });
    expect(states().at(-1)).toBe('stopped');
    expect(adopter.counts).toMatchObject({ started: 1, finished: 0, stopped: 1, failed: 0 });
  });

  it('tries again after the grace where its id was taken and the owner does not come', async () => {
    const { events } = await untilOpened();
    events.onReady({ protocol: '5', sessionPresent: true });
    events.onLost('closed');
    await pass(1000);
    expect(opened).toHaveLength(1);
    await pass(500);
    expect(opened).toHaveLength(2);
  });

  it('gives back what stays unanswered', async () => {
    const connection = await untilOpened();
    connection.events.onReady({ protocol: '5', sessionPresent: true });
    connection.events.onMessage(reading());
    await pass(31_000);
    expect(connection.stopped).toMatchObject({ endSession: false });
    expect(states().filter((state) => state !== 'started')).toEqual(['stopped']);
  });

  it('gives back what it cannot serve, unsettled, and does not ask for it again', async () => {
    const connection = await untilOpened();
    connection.events.onReady({ protocol: '5', sessionPresent: true });
    const foreign = reading('echolot/v1/readings/buoy-7/iris');
    connection.events.onMessage(foreign);
    await pass(60_000);
    expect(foreign.settled).toBe(false);
    expect(connection.stopped).toMatchObject({ endSession: false });
    expect(states().at(-1)).toBe('failed');
    expect(opened).toHaveLength(1);
  });

  it('accepts that the broker refuses it the id, and says so once', async () => {
    const { events } = await untilOpened();
    events.onRefused(new BrokerRefusedError('not authorised', ''));
    await pass(60_000);
    expect(opened).toHaveLength(1);
    expect(lines.filter((line) => line === 'adoption is impossible')).toHaveLength(1);
    expect(adopter.counts).toMatchObject({ failed: 1 });
  });

  it('throws nobody out where its own connection does not answer', async () => {
    ownIsFine = false;
    await untilOpened();
    expect(opened).toEqual([]);
    expect(states()).toEqual(['started', 'stopped']);
  });

  it('stops at once where its own connection is long in answering', async () => {
    ownIsFine = new Promise(() => {});
    await untilOpened();
    await adopter.stop();
    expect(opened).toEqual([]);
    expect(states()).toEqual(['started', 'stopped']);
  });

  it('touches nothing where its own connection answers no more', async () => {
    const connection = await untilOpened();
    ownIsFine = false;
    connection.events.onReady({ protocol: '5', sessionPresent: true });
    await pass(100);
    expect(connection.unsubscribed).toEqual([]);
    expect(connection.stopped).toMatchObject({ endSession: false });
    expect(states().at(-1)).toBe('stopped');
  });

  it('is switched off where the broker throws out our own connection for it twice', async () => {
    for (let round = 0; round < 3; round += 1) {
      const { events } = await untilOpened();
      adopter.lost();
      events.onReady({ protocol: '5', sessionPresent: true });
      await pass(100);
    }
    expect(opened).toHaveLength(2);
    expect(adopter.isOn).toBe(false);
    expect(lines.filter((line) => line === 'adoption is off')).toHaveLength(1);
  });

  it('knows that its own connection was thrown out, also where that shows a moment later', async () => {
    const { events } = await untilOpened();
    ownIsFine = new Promise(() => {});
    events.onReady({ protocol: '5', sessionPresent: true });
    await pass(10);
    adopter.lost();
    await pass(10);
    expect(states()).toEqual(['started', 'failed']);
  });

  it('does not connect where the owner returns while rivals are awaited', async () => {
    adopter.serving();
    seeGone('edge-9');
    await pass(1150);
    expect(states()).toEqual(['started']);
    see('edge-9', { epoch: 'second life' });
    await pass(5000);
    expect(opened).toEqual([]);
    expect(states()).toEqual(['started', 'stopped']);
  });

  it('sees to one after the other', async () => {
    adopter.serving();
    seeGone('edge-8');
    seeGone('edge-9');
    await pass(5000);
    expect(opened).toHaveLength(1);
    opened[0]?.events.onReady({ protocol: '5', sessionPresent: true });
    await pass(3000);
    expect(opened.map(({ options }) => options.clientId)).toEqual(['edge-8', 'edge-9']);
  });

  it('tells again and again that it is under way, so that the next in order waits', async () => {
    const { events } = await untilOpened();
    events.onReady({ protocol: '5', sessionPresent: true });
    events.onMessage(reading());
    await pass(1600);
    expect(states()).toEqual(['started', 'started', 'started', 'started']);
  });

  it('does nothing with a grace of 0', async () => {
    adopter = create('5', 0);
    adopter.serving();
    seeGone('edge-9');
    await pass(600_000);
    expect(said).toEqual([]);
  });
});

describe('an announcement', () => {
  const hear = (by: string, state: string, topicOf = by) =>
    adopter.hear(
      `echolot/v1/agents/${topicOf}/adopting`,
      Buffer.from(
        JSON.stringify({
          state,
          reason: '',
          adopter: by,
          agent: 'edge-9',
          epoch: 'first life',
          at: new Date().toISOString(),
          readings: 0,
        }),
      ),
    );

  it('that another has finished is believed', async () => {
    adopter.serving();
    seeGone('edge-9');
    hear('edge-2', 'finished');
    await pass(60_000);
    expect(said).toEqual([]);
  });

  it('of our own that comes back is no rival', async () => {
    adopter.serving();
    seeGone('edge-9');
    await pass(1150);
    hear('edge-1', 'started');
    expect(states()).toEqual(['started']);
  });

  it('in the name of another than the topic, or of nobody, is not', async () => {
    adopter.serving();
    seeGone('edge-9');
    hear('edge-2', 'finished', 'edge-3');
    adopter.hear('echolot/v1/agents/edge-2/adopting', Buffer.from('{}'));
    await pass(1300);
    expect(states()).toEqual(['started']);
  });
});
