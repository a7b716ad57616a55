// What a hostile or sick peer can do to the others: nothing.
import { createConnection, type Socket } from 'node:net';
import fc from 'fast-check';
import type mqtt from 'mqtt';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startEmbeddedBroker } from './embedded-broker.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import { closed, type RunningBroker, startRunningBroker } from './running-broker.fixture.ts';

const R = 'echolot/v1';
let running: RunningBroker;

beforeEach(() => start());
afterEach(() => running.dispose());

async function start(drainTimeoutMs = 1500): Promise<void> {
  running = await startRunningBroker({
    wsPort: 0,
    limits: {
      // None of these tests is to be passed by a time-out.
      connectTimeoutMs: 3_600_000,
      drainTimeoutMs,
      bufferedBytes: 1024 * 1024,
      connections: 20,
      packetBytes: 200_000,
      session: { queueMessages: 10, queueBytes: 100_000 },
      retained: { messages: 5, bytes: 10_000 },
    },
  });
  await running.identity('dev-1', 'client');
  await running.identity('edge-1', 'predictor');
  await running.identity('edge-2', 'predictor');
  await running.identity('op', 'operator');
}

/** MQTT by hand, so that the reading can stop or the bytes be wrong. */
async function rawClient(name: string): Promise<Socket> {
  const socket = createConnection(running.broker.port, '127.0.0.1');
  socket.on('error', () => undefined);
  const { password } = running.options(name);
  const text = (value: string) => {
    const bytes = Buffer.from(value);
    return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes]);
  };
  const body = Buffer.concat([
    text('MQTT'),
    Buffer.from([4, 0xc2, 0, 60]),
    text(name),
    text(name),
    text(String(password)),
  ]);
  socket.write(Buffer.concat([Buffer.from([0x10, body.length]), body]));
  await new Promise((resolve) => socket.once('data', resolve));
  return socket;
}

function ended(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.destroyed) resolve();
    else socket.once('close', () => resolve());
    socket.resume();
  });
}

describe('the broker', () => {
  /** A subscriber to everything that reads nothing, and 20 MB for it: more than any socket buffers. */
  async function publishPastFrozen(): Promise<Socket> {
    const frozen = await rawClient('op');
    const filter = Buffer.from('echolot/#');
    frozen.write(
      Buffer.concat([
        Buffer.from([0x82, 5 + filter.length, 0, 1, 0, filter.length]),
        filter,
        Buffer.from([0]),
      ]),
    );
    await new Promise((resolve) => frozen.once('data', resolve));
    frozen.pause();
    const client = await running.connect('dev-1');
    await client.client.subscribeAsync(`${R}/replies/dev-1/+`, { qos: 1 });
    const edge = await running.connect('edge-1');
    const payload = Buffer.alloc(50_000, 'x');
    for (let index = 0; index < 400; index += 1) {
      await edge.client.publishAsync(`${R}/replies/dev-1/sonar`, payload, { qos: 1 });
    }
    await edge.client.publishAsync(`${R}/replies/dev-1/sonar`, 'fence', { qos: 1 });
    await client.inbox.until((texts) => texts.at(-1) === 'fence');
    expect(client.inbox.packets).toHaveLength(401);
    return frozen;
  }

  it('lets a frozen subscriber stall nobody, however long it is borne', async () => {
    await running.dispose();
    await start(3_600_000);
    const frozen = await publishPastFrozen();
    expect(running.log).toContainEqual(
      expect.objectContaining({ msg: 'message dropped', reason: 'subscriber-slow', who: 'op' }),
    );
    expect(running.log.some(({ detail }) => detail === 'drain timeout')).toBe(false);
    frozen.destroy();
  });

  it('disconnects a frozen subscriber in the end', async () => {
    const frozen = await publishPastFrozen();
    // Reading again only after the broker has given up on it.
    const isGone = () => running.log.some(({ detail }) => detail === 'drain timeout');
    while (!isGone()) await new Promise((resolve) => setTimeout(resolve, 20));
    await ended(frozen);
  });

  it('ends who sends a packet that is too large, before it has taken it in', async () => {
    const { client } = await running.connect('dev-1');
    const other = await running.connect('edge-1');
    client.publish(`${R}/readings/dev-1/sonar`, Buffer.alloc(200_001));
    await closed(client);
    expect(other.client.connected).toBe(true);
    const liar = await rawClient('dev-1');
    // The header alone, announcing 200 MB.
    liar.write(Buffer.from([0x32, 0x80, 0x80, 0x80, 0x64]));
    await ended(liar);
    const stranger = createConnection(running.broker.port, '127.0.0.1');
    stranger.write(Buffer.from([0x10, 0x80, 0x80, 0x08]));
    await ended(stranger);
    const details = running.log.map(({ detail }) => detail);
    expect(details).toContain('a packet is larger than 200000 bytes');
    expect(details).toContain('a packet is larger than 65536 bytes');
  });

  it('takes a packet just below the limit', async () => {
    const edge = await running.connect('edge-1');
    await edge.client.subscribeAsync(`$share/predictors/${R}/readings/+/sonar`, { qos: 1 });
    const { client } = await running.connect('dev-1');
    await client.publishAsync(`${R}/readings/dev-1/sonar`, Buffer.alloc(199_900), { qos: 1 });
    await edge.inbox.until(({ length }) => length > 0);
    expect(edge.inbox.packets[0]?.payload).toHaveLength(199_900);
  });

  it.each([
    ['a filter of 200 levels', (client: mqtt.MqttClient) => client.subscribe('a/'.repeat(200))],
    ['a topic of 200 levels', (client: mqtt.MqttClient) => client.publish('a/'.repeat(200), 'x')],
    ['a topic with a wildcard', (client: mqtt.MqttClient) => client.publish('a/#/b', 'x')],
    ['a topic with a NUL', (client: mqtt.MqttClient) => client.publish('a\0b', 'x', { qos: 1 })],
    ['a filter that is none', (client: mqtt.MqttClient) => client.subscribe('a/b#')],
    [
      'names of inherited properties',
      (client: mqtt.MqttClient) => client.subscribe(['__proto__', 'constructor']),
    ],
  ])('survives %s', async (_, send) => {
    const other = await running.connect('op');
    await other.client.subscribeAsync('echolot/#', { qos: 1 });
    const { client } = await running.connect('dev-1');
    client.on('error', () => undefined);
    send(client);
    const again = await running.connect('edge-1');
    await again.client.publishAsync(`${R}/agents/edge-1/status`, 'fence', { qos: 1 });
    expect(await other.inbox.until(({ length }) => length > 0)).toEqual(['fence']);
  });

  it('survives 2,000 malformed packets, before and after a login, and harms no other', async () => {
    const operator = await running.connect('op');
    await operator.client.subscribeAsync('echolot/#', { qos: 1 });
    const edge = await running.connect('edge-1');
    const packet = fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 60 }),
      // A sound header with anything behind it gets deeper into the parser.
      fc
        .tuple(fc.integer({ min: 0, max: 255 }), fc.uint8Array({ maxLength: 60 }))
        .map(([first, body]) => Uint8Array.from([first, body.length, ...body])),
    );
    const samples = fc.sample(fc.tuple(packet, fc.boolean()), { numRuns: 2000, seed: 7 });
    for (let at = 0; at < samples.length; at += 10) {
      await Promise.all(
        samples.slice(at, at + 10).map(async ([bytes, isLoggedIn]) => {
          const socket = isLoggedIn
            ? await rawClient('edge-2').catch(() => null)
            : createConnection(running.broker.port, '127.0.0.1');
          socket?.on('error', () => undefined);
          socket?.end(bytes);
          if (socket) await ended(socket);
        }),
      );
    }
    await edge.client.publishAsync(`${R}/agents/edge-1/status`, 'fence', { qos: 1 });
    const texts = await operator.inbox.until((all) => all.includes('fence'));
    expect(texts.filter((text) => text === 'fence')).toHaveLength(1);
    expect(operator.client.connected && edge.client.connected).toBe(true);
    expect(running.log.length).toBeLessThan(1000);
  });

  it('bounds what waits for a session and what is retained, and says so', async () => {
    const dev = await running.connect('dev-1', { clean: false });
    await dev.client.subscribeAsync(`${R}/replies/dev-1/+`, { qos: 1 });
    await dev.client.endAsync();
    const edge = await running.connect('edge-1');
    for (let index = 0; index < 15; index += 1) {
      await edge.client.publishAsync(`${R}/replies/dev-1/sonar`, `${index}`, { qos: 1 });
      const retained = `${R}/agents/edge-1/x${index}`;
      await edge.client.publishAsync(retained, `${index}`, { qos: 1, retain: true });
    }
    const back = await running.connect('dev-1', { clean: false });
    await back.inbox.until(({ length }) => length >= 10);
    // At QoS 0, since the acknowledgements that make room may still be under way.
    await edge.client.publishAsync(`${R}/replies/dev-1/sonar`, 'fence', { qos: 0 });
    const texts = await back.inbox.until((all) => all.includes('fence'));
    expect(texts).toEqual([...Array.from({ length: 10 }, (_, index) => `${index}`), 'fence']);
    const operator = await running.connect('op');
    await operator.client.subscribeAsync('echolot/#', { qos: 1 });
    await operator.inbox.until(({ length }) => length >= 5);
    await edge.client.publishAsync(`${R}/agents/edge-1/status`, 'fence', { qos: 1 });
    expect(await operator.inbox.until((all) => all.includes('fence'))).toHaveLength(6);
    const reasons = running.log
      .filter(({ msg }) => msg === 'message dropped')
      .map(({ reason }) => reason);
    expect(new Set(reasons)).toEqual(new Set(['session-full', 'retained-full']));
  });

  it('refuses connections beyond its limit and has room again when some go', async () => {
    const sockets = Array.from({ length: 20 }, () =>
      createConnection(running.broker.port, '127.0.0.1'),
    );
    await Promise.all(
      sockets.map((socket) => new Promise((resolve) => socket.once('connect', resolve))),
    );
    expect(await running.tryConnect(running.options('dev-1'))).not.toBe(0);
    for (const socket of sockets) socket.destroy();
    while ((await running.tryConnect(running.options('dev-1'))) !== 0);
    expect(running.log).toContainEqual(
      expect.objectContaining({ msg: 'connections refused: too many' }),
    );
  });

  it('speaks over WebSocket as over TCP', async () => {
    const url = `ws://127.0.0.1:${running.broker.wsPort}`;
    const dev = await running.connect('dev-1', {}, url);
    await dev.client.subscribeAsync(`${R}/replies/dev-1/+`, { qos: 1 });
    const edge = await running.connect('edge-1', {}, url);
    await edge.client.publishAsync(`${R}/replies/dev-1/sonar`, 'answer', { qos: 1 });
    expect(await dev.inbox.until(({ length }) => length > 0)).toEqual(['answer']);
  });

  it('says which port is busy and what to do', async () => {
    const { log, store } = await startupOptions();
    const { port, wsPort } = running.broker;
    const busy = { code: 'PORT_BUSY', exitCode: 78, remedy: expect.stringContaining('port') };
    await expect(startEmbeddedBroker({ store, log, port, wsPort: null })).rejects.toMatchObject({
      ...busy,
      port,
    });
    await expect(startEmbeddedBroker({ store, log, port: 0, wsPort })).rejects.toMatchObject({
      ...busy,
      port: wsPort,
    });
    const elsewhere = startEmbeddedBroker({ store, log, host: '203.0.113.1', port: 0 });
    await expect(elsewhere).rejects.toMatchObject({ code: 'LISTEN_FAILED', exitCode: 78 });
  });

  it('stops though clients are connected, and twice is no harm', async () => {
    const { client } = await running.connect('dev-1');
    const ws = await running.connect('op', {}, `ws://127.0.0.1:${running.broker.wsPort}`);
    const frozen = await rawClient('edge-1');
    frozen.pause();
    const silent = createConnection(running.broker.port, '127.0.0.1');
    await new Promise((resolve) => silent.once('connect', resolve));
    await Promise.all([running.broker.stop(), running.broker.stop()]);
    await Promise.all([closed(client), closed(ws.client), ended(silent)]);
    expect(await running.tryConnect(running.options('dev-1'))).not.toBe(0);
    frozen.destroy();
  });

  it('leaves room above what agents read', () => {
    expect(DEFAULT_LIMITS.packetBytes).toBeGreaterThan(2 * 1024 * 1024 + 65_535);
  });
});

async function startupOptions() {
  const { pino } = await import('pino');
  return { log: pino({ level: 'silent' }), store: running.store };
}
