// The traps of mqtt.js, each against a broker that misbehaves in just that way.
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createBus } from './bus.ts';
import { type FakeBroker, type FakeConnection, startFakeBroker } from './fake-broker.fixture.ts';
import { freePort } from './mosquitto.fixture.ts';
import type {
  BrokerRefusedError,
  Bus,
  BusOptions,
  Incoming,
  Protocol,
  PublishOutcome,
} from './types.ts';

let broker: FakeBroker;
let bus: Bus;
let messages: Incoming[];
let told: string[];
let refused: BrokerRefusedError | null;
const remedyOf = () => `${refused?.message} ${refused?.remedy}`;
let wake: () => void;
/** What a message makes us do before anything else happens. */
let answerAtOnce: () => void;

beforeEach(async () => {
  broker = await startFakeBroker();
  messages = [];
  told = [];
  refused = null;
  wake = () => {};
  answerAtOnce = () => {};
});

afterEach(async () => {
  await bus.stop({ timeoutMs: 200 });
  await broker.stop();
});

function open(options: Partial<BusOptions> = {}): void {
  const note = (text: string) => {
    told.push(text);
    wake();
  };
  bus = createBus(
    {
      url: broker.url,
      clientId: 'edge-1',
      cleanSession: false,
      protocol: '3.1.1',
      subscriptions: [{ filter: 'in/#', qos: 1 }],
      backoff: { firstMs: 5, maxMs: 20 },
      connectTimeoutMs: 300,
      ...options,
    },
    {
      onMessage: (message) => {
        messages.push(message);
        answerAtOnce();
        wake();
      },
      onReady: ({ protocol }) => note(`ready ${protocol}`),
      onLost: (detail) => note(`lost: ${detail}`),
      onUnreachable: (detail) => note(`unreachable: ${detail}`),
      onRefused: (error) => {
        refused = error;
        note('refused');
      },
    },
  );
  bus.start();
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) {
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
  }
}

async function ready(): Promise<FakeConnection> {
  const connection = await broker.next();
  const readies = () => told.filter((text) => text.startsWith('ready')).length;
  const before = readies();
  await connection.accept();
  await connection.grant();
  await until(() => readies() > before);
  return connection;
}

const publish = (topic: string, payload: Buffer | string, qos: 0 | 1 = 1) =>
  new Promise<PublishOutcome>((resolve) =>
    bus.publish(topic, Buffer.from(payload), { qos }, resolve),
  );

const reading = (messageId: number, payload = 'x') =>
  ({
    cmd: 'publish',
    topic: 'in/a',
    payload,
    qos: 1,
    messageId,
    dup: false,
    retain: false,
  }) as const;

describe('a connection that goes wrong', () => {
  it('after a frame that cannot be parsed is given up for a new one, and is not deaf', async () => {
    open();
    const first = await ready();
    first.socket.write(Buffer.from([0x30, 0x03, 0xff, 0xff, 0xff, 0x00]));
    await until(() => told.some((text) => text.startsWith('lost')));
    const second = await ready();
    second.send(reading(1));
    await until(() => messages.length === 1);
  });

  it('that was refused for a while by a broker not ready yet is tried again until it stands', async () => {
    open();
    for (let attempt = 0; attempt < 3; attempt += 1) await (await broker.next()).refuse(3);
    await ready();
    expect(told.filter((text) => text.startsWith('unreachable'))).toHaveLength(1);
  });

  it('that was refused for its password at the first time is given up, with a remedy', async () => {
    open({ username: 'edge-1', password: 'secret' });
    await (await broker.next()).refuse(4);
    await until(() => refused !== null);
    expect(refused).toMatchObject({ code: 'BROKER_REFUSED', exitCode: 77 });
    expect(remedyOf()).toContain('edge-1');
    expect(remedyOf()).not.toContain('secret');
    expect(broker.connections).toBe(1);
  });

  it('that was refused after it once stood is tried again for a grace time, then given up', async () => {
    open({ refusalGraceMs: 100 });
    (await ready()).socket.destroy();
    await (await broker.next()).refuse(5);
    (await ready()).socket.destroy();
    expect(refused).toBeNull();
    const refuseAll = async () => {
      while (refused === null) await (await broker.next()).refuse(5);
    };
    void refuseAll();
    await until(() => refused !== null);
  });

  it('whose SUBSCRIBE is refused or weakened is given up, naming the filter', async () => {
    open();
    const first = await broker.next();
    await first.accept();
    await first.grant([0x80]);
    await until(() => refused !== null);
    expect(remedyOf()).toContain('in/#');
    await bus.stop();

    refused = null;
    open();
    const second = await broker.next();
    await second.accept();
    await second.grant([0]);
    await until(() => refused !== null);
    expect(remedyOf()).toContain('QoS 0');
  });

  it('whose resubscription is refused says so, though the session was kept', async () => {
    open({ refusalGraceMs: 0 });
    (await ready()).socket.destroy();
    const second = await broker.next();
    await second.accept({ sessionPresent: true });
    await second.grant([0x80]);
    await until(() => refused !== null);
    expect(remedyOf()).toContain('in/#');
  });

  it('to a broker that never answers CONNECT or SUBSCRIBE is given up for a new one', async () => {
    open();
    await (await broker.next()).take('connect');
    const second = await broker.next();
    await second.accept();
    await second.take('subscribe');
    await ready();
  });

  it('to a broker that falls silent is noticed by the keep-alive, and made anew', async () => {
    open({ keepaliveSeconds: 1 });
    const silent = await ready();
    await silent.take('pingreq');
    await until(() => told.some((text) => text.startsWith('lost')));
    await ready();
  });

  it('that shall not reconnect is told as lost once, and stays away', async () => {
    open({ reconnect: false, subscriptions: [] });
    const first = await broker.next();
    await first.accept();
    await until(() => told.includes('ready 3.1.1'));
    first.socket.destroy();
    await until(() => told.includes('lost: the connection was closed'));
    // A bus that does reconnect, and later than the first one would have, is the fence.
    open({ clientId: 'fence', backoff: { firstMs: 40, maxMs: 40 } });
    const second = await broker.next();
    expect((await second.take('connect')).clientId).toBe('fence');
    second.socket.destroy();
    expect((await (await broker.next()).take('connect')).clientId).toBe('fence');
  });

  it('to nobody is told once, and tried on', async () => {
    open({ url: `mqtt://127.0.0.1:${await freePort()}` });
    await until(() => told.length > 0);
    expect(told[0]).toContain('ECONNREFUSED');
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(told).toHaveLength(1);
  });
});

describe('a subscription that is added', () => {
  const more = [{ filter: 'more/#', qos: 1 }] as const;

  it('is granted, and sent again at every connect', async () => {
    open();
    const first = await ready();
    const granted = bus.subscribe(more);
    await first.grant([1]);
    expect(await granted).toBe(true);
    first.socket.destroy();
    const second = await broker.next();
    await second.accept();
    const { subscriptions } = await second.take('subscribe');
    expect(subscriptions.map(({ topic }) => topic)).toEqual(['in/#', 'more/#']);
  });

  it('and is refused ends the bus at once, naming the filter', async () => {
    open();
    const granted = bus.subscribe(more);
    expect(await granted).toBe(false);
    const first = await ready();
    const refusal = bus.subscribe(more);
    await first.grant([0x80]);
    expect(await refusal).toBe(false);
    await until(() => refused !== null);
    expect(remedyOf()).toContain('more/#');
  });

  it('is settled by its own SUBACK where another is asked for at the same time', async () => {
    open();
    const first = await ready();
    const outcomes: string[] = [];
    const note = (name: string) => (isGranted: boolean) => outcomes.push(`${name} ${isGranted}`);
    const one = bus.subscribe(more).then(note('one'));
    const two = bus.subscribe([{ filter: 'two/#', qos: 1 }]).then(note('two'));
    const askedOne = await first.take('subscribe');
    const askedTwo = await first.take('subscribe');
    first.send({ cmd: 'suback', messageId: askedTwo.messageId ?? 0, granted: [1] });
    await two;
    expect(outcomes).toEqual(['two true']);
    first.send({ cmd: 'suback', messageId: askedOne.messageId ?? 0, granted: [1] });
    await one;
    expect(outcomes).toEqual(['two true', 'one true']);
  });

  it('is lost with its connection, and not sent again by itself', async () => {
    open();
    const first = await ready();
    const granted = bus.subscribe(more);
    await first.take('subscribe');
    first.socket.destroy();
    expect(await granted).toBe(false);
    const second = await broker.next();
    await second.accept();
    const { subscriptions } = await second.take('subscribe');
    expect(subscriptions.map(({ topic }) => topic)).toEqual(['in/#']);
  });
});

describe('the negotiation', () => {
  it('takes MQTT 5 where the broker speaks it', async () => {
    open({ protocol: 'auto' });
    const connection = await ready();
    expect(connection.protocolVersion).toBe(5);
    expect(told).toEqual(['ready 5']);
  });

  it.each([
    [
      'says that it does not know the version',
      (connection: FakeConnection) => connection.refuse(1),
    ],
    [
      'closes without a word',
      async (connection: FakeConnection) => {
        await connection.take('connect');
        connection.socket.end();
      },
    ],
  ])('falls back to 3.1.1 at once and silently where the broker %s', async (_, end) => {
    open({ protocol: 'auto', backoff: { firstMs: 60_000, maxMs: 60_000 } });
    await end(await broker.next());
    const second = await ready();
    expect(second.protocolVersion).toBe(4);
    expect(told).toEqual(['ready 3.1.1']);
  });

  it('keeps to the version that has worked', async () => {
    open({ protocol: 'auto' });
    (await ready()).socket.destroy();
    const second = await broker.next();
    await second.take('connect');
    second.socket.destroy();
    expect((await ready()).protocolVersion).toBe(5);
  });
});

describe('a publish', () => {
  it('settles with what the broker said', async () => {
    open({ protocol: '5' });
    const connection = await ready();
    const good = publish('out/a', 'x');
    connection.send({
      cmd: 'puback',
      messageId: (await connection.take('publish')).messageId ?? 0,
      reasonCode: 0,
    });
    expect(await good).toEqual({ ok: true });
    const bad = publish('out/b', 'x');
    connection.send({
      cmd: 'puback',
      messageId: (await connection.take('publish')).messageId ?? 0,
      reasonCode: 135,
    });
    expect(await bad).toMatchObject({ ok: false, reason: 'refused' });
  });

  it('that is too large, for us or for the broker, never leaves', async () => {
    open({ protocol: '5', maximumPacketBytes: 5000 });
    const connection = await broker.next();
    await connection.accept({ properties: { maximumPacketSize: 1000 } });
    await connection.grant();
    await until(() => told.length > 0);
    expect(await publish('out/a', Buffer.alloc(1000))).toMatchObject({ reason: 'too-large' });
    expect(await publish('out/+', 'x')).toMatchObject({ reason: 'topic-invalid' });
    const fence = publish('out/fence', 'x', 0);
    expect((await connection.take('publish')).topic).toBe('out/fence');
    expect(await fence).toEqual({ ok: true });
  });

  it('whose connection ends is lost, once, and is not sent again by itself', async () => {
    open();
    const first = await ready();
    const outcome = publish('out/poison', 'x');
    await first.take('publish');
    first.socket.destroy();
    expect(await outcome).toMatchObject({ ok: false, reason: 'lost' });
    const second = await ready();
    void publish('out/fence', 'x', 0);
    expect((await second.take('publish')).topic).toBe('out/fence');
    expect(broker.connections).toBe(2);
  });

  it('without a connection is told at once', async () => {
    open();
    expect(await publish('out/a', 'x')).toMatchObject({ reason: 'not-connected' });
  });

  it('leaves before the SUBACK too: what a resumed session brings must be answered', async () => {
    open();
    const connection = await broker.next();
    await connection.accept({ sessionPresent: true });
    connection.send(reading(1));
    await until(() => messages.length === 1);
    const outcome = publish('out/a', 'answer');
    const { messageId } = await connection.take('publish');
    connection.send({ cmd: 'puback', messageId: messageId as number });
    expect(await outcome).toEqual({ ok: true });
    await connection.grant();
  });

  it('leaves although its reading comes in one piece with the CONNACK', async () => {
    const outcome = new Promise((resolve) => {
      answerAtOnce = () => bus.publish('out/a', Buffer.from('answer'), { qos: 1 }, resolve);
    });
    open();
    const connection = await broker.next();
    await connection.take('connect');
    connection.socket.cork();
    connection.send({ cmd: 'connack', returnCode: 0, sessionPresent: true });
    connection.send(reading(1));
    connection.socket.uncork();
    const { messageId } = await connection.take('publish');
    connection.send({ cmd: 'puback', messageId: messageId as number });
    expect(await outcome).toEqual({ ok: true });
    await connection.grant();
  });

  it('is not settled by the acknowledgement of the one before, whose identifier it gets', async () => {
    open({ protocol: '5' });
    const connection = await broker.next();
    await connection.accept({ properties: { receiveMaximum: 1 } });
    await connection.grant();
    await until(() => told.length > 0);
    const first = publish('out/1', 'x');
    let settled = false;
    const second = new Promise((resolve) => {
      const correlationData = Buffer.from('c');
      bus.publish('out/2', Buffer.from('x'), { qos: 1, correlationData }, (outcome) => {
        settled = true;
        resolve(outcome);
      });
    });
    const { messageId = 0 } = await connection.take('publish');
    connection.send({ cmd: 'puback', messageId, reasonCode: 0 });
    expect(await first).toEqual({ ok: true });
    const next = await connection.take('publish');
    void publish('out/fence', 'x', 0);
    await connection.take('publish');
    expect(settled).toBe(false);
    connection.send({ cmd: 'puback', messageId: next.messageId ?? 0, reasonCode: 0 });
    expect(await second).toEqual({ ok: true });
  });

  it('overtakes none of the same turn, whichever way it goes', async () => {
    open({ protocol: '5' });
    const connection = await ready();
    for (let count = 1; count <= 6; count += 1) {
      const more = count % 3 === 0 ? { correlationData: Buffer.from('c') } : {};
      bus.publish(`out/${count}`, Buffer.from('x'), { qos: 0, ...more });
    }
    const topics: string[] = [];
    while (topics.length < 6) topics.push((await connection.take('publish')).topic);
    expect(topics).toEqual([1, 2, 3, 4, 5, 6].map((count) => `out/${count}`));
  });

  it("keeps to the broker's receive maximum", async () => {
    open({ protocol: '5' });
    const connection = await broker.next();
    await connection.accept({ properties: { receiveMaximum: 2 } });
    await connection.grant();
    await until(() => told.length > 0);
    const outcomes = ['1', '2', '3'].map((name) => publish(`out/${name}`, 'x'));
    void publish('out/fence', 'x', 0);
    const topics: string[] = [];
    const ids: number[] = [];
    while (!topics.includes('out/fence')) {
      const packet = await connection.take('publish');
      topics.push(packet.topic);
      ids.push(packet.messageId ?? 0);
    }
    expect(topics).toEqual(['out/1', 'out/2', 'out/fence']);
    connection.send({ cmd: 'puback', messageId: ids[0] ?? 0, reasonCode: 0 });
    const third = await connection.take('publish');
    expect(third.topic).toBe('out/3');
    for (const id of [ids[1] ?? 0, third.messageId ?? 0]) {
      connection.send({ cmd: 'puback', messageId: id, reasonCode: 0 });
    }
    expect(await Promise.all(outcomes)).toEqual([{ ok: true }, { ok: true }, { ok: true }]);
  });
});

describe('an acknowledgement', () => {
  it.each<Protocol>(['3.1.1', '5'])(
    'is held until the message is settled, at full concurrency and in the order of arrival (MQTT %s)',
    async (protocol) => {
      open({ protocol });
      const connection = await ready();
      for (let id = 1; id <= 30; id += 1) connection.send(reading(id));
      await until(() => messages.length === 30);
      // A fence: what had been acknowledged would have come before it.
      void publish('out/fence', 'x', 0);
      await connection.take('publish');
      expect(connection.packets.filter(({ cmd }) => cmd === 'puback')).toEqual([]);

      for (const message of messages.slice(1)) message.settle();
      void publish('out/fence', 'x', 0);
      await connection.take('publish');
      expect(connection.packets.filter(({ cmd }) => cmd === 'puback')).toEqual([]);

      messages[0]?.settle();
      const ids: number[] = [];
      while (ids.length < 30) ids.push((await connection.take('puback')).messageId ?? 0);
      expect(ids).toEqual(Array.from({ length: 30 }, (_, index) => index + 1));
    },
  );

  it('never leaves on a later connection than the one that brought the message, nor twice', async () => {
    open();
    const first = await ready();
    first.send(reading(7));
    await until(() => messages.length === 1);
    first.socket.destroy();
    const second = await ready();
    messages[0]?.settle();
    second.send(reading(8));
    await until(() => messages.length === 2);
    messages[1]?.settle();
    messages[1]?.settle();
    expect((await second.take('puback')).messageId).toBe(8);
    void publish('out/fence', 'x', 0);
    await second.take('publish');
    expect(second.packets.filter(({ cmd }) => cmd === 'puback')).toEqual([]);
  });

  it('of what came before the SUBACK of a resumed session is not forgotten', async () => {
    open();
    const connection = await broker.next();
    await connection.accept({ sessionPresent: true });
    for (let id = 1; id <= 20; id += 1) connection.send(reading(id));
    await until(() => messages.length === 20);
    await connection.grant();
    for (const message of messages) message.settle();
    for (let id = 1; id <= 20; id += 1)
      expect((await connection.take('puback')).messageId).toBe(id);
  });
});

describe('taking back a subscription', () => {
  it('leaves nothing behind, however often', async () => {
    const warnings: Error[] = [];
    const note = (warning: Error) => void warnings.push(warning);
    process.on('warning', note);
    open();
    const connection = await ready();
    for (let round = 0; round < 20; round += 1) {
      const isDone = bus.unsubscribe(['in/#']);
      const { messageId = 0 } = await connection.take('unsubscribe');
      connection.send({ cmd: 'unsuback', messageId, granted: [] });
      await isDone;
    }
    process.off('warning', note);
    expect(warnings).toEqual([]);
  });
});

describe('the stop', () => {
  it('says DISCONNECT and stays away', async () => {
    open();
    const connection = await ready();
    await bus.stop();
    await connection.take('disconnect');
    expect(await publish('out/a', 'x')).toMatchObject({ reason: 'not-connected' });
    expect(broker.connections).toBe(1);
  });

  it('ends the session where asked: by its expiry on 5, by a clean connection on 3.1.1', async () => {
    open({ protocol: '5' });
    const five = await ready();
    await bus.stop({ endSession: true });
    expect((await five.take('disconnect')).properties).toMatchObject({ sessionExpiryInterval: 0 });

    open();
    await ready();
    const stopped = bus.stop({ endSession: true });
    const last = await broker.next();
    const connect = await last.take('connect');
    expect(connect).toMatchObject({ clean: true, clientId: 'edge-1' });
    last.send({ cmd: 'connack', sessionPresent: false, returnCode: 0 });
    await last.take('disconnect');
    await stopped;
  });

  it('lets the PUBACK of what is answered meanwhile go, and none of what is not', async () => {
    open();
    const connection = await ready();
    for (const id of [1, 2, 3]) connection.send(reading(id));
    await until(() => messages.length === 3);
    const answer = (message: Incoming | undefined) =>
      bus.publish('out/a', Buffer.from('x'), { qos: 1 }, (outcome) => {
        if (outcome.ok) message?.settle();
      });
    answer(messages[0]);
    answer(messages[1]);
    const first = await connection.take('publish');
    await connection.take('publish');
    const stopped = bus.stop({ timeoutMs: 200 });
    connection.send({ cmd: 'puback', messageId: first.messageId ?? 0 });
    await connection.take('disconnect');
    messages[2]?.settle();
    await stopped;
    const ids = connection.packets.filter(({ cmd }) => cmd === 'puback');
    expect(ids.map(({ messageId }) => messageId)).toEqual([1]);
  });

  it('says DISCONNECT after the PUBACK of what was answered right before', async () => {
    open();
    const connection = await ready();
    connection.send(reading(1));
    await until(() => messages.length === 1);
    messages[0]?.settle();
    const closed = once(connection.socket, 'close');
    await bus.stop({ timeoutMs: 200 });
    await closed;
    expect(connection.packets.map(({ cmd }) => cmd)).toEqual(['puback', 'disconnect']);
  });

  it('takes no longer than it may on a socket that is dead', async () => {
    open();
    await ready();
    void publish('out/never-acknowledged', 'x');
    await bus.stop({ timeoutMs: 100 });
  });
});
