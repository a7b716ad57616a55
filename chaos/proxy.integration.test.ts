// Each fault of the proxy, with Mosquitto and MQTT.js on its two sides, or with bare TCP where bytes count.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import { afterEach, expect, it } from 'vitest';
import { Inbox } from '../broker/running-broker.fixture.ts';
import { type Mosquitto, startMosquitto } from '../bus/mosquitto.fixture.ts';
import { createRandom } from '../devices/random.ts';
import { type FaultProxy, startFaultProxy } from './proxy.ts';

const toClose: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of toClose.splice(0).reverse()) await close();
});

async function startBroker(): Promise<Mosquitto> {
  const broker = await startMosquitto({ config: ['max_inflight_messages 0'] });
  toClose.push(() => broker.stop());
  return broker;
}

async function startProxy(port: number, seed = 1): Promise<FaultProxy> {
  const proxy = await startFaultProxy({
    target: { host: '127.0.0.1', port },
    random: createRandom(seed),
  });
  toClose.push(() => proxy.stop());
  return proxy;
}

async function open(url: string, options: IClientOptions = {}): Promise<MqttClient> {
  const client = mqtt.connect(url, { reconnectPeriod: 20, ...options });
  client.on('error', () => {});
  toClose.push(() => client.end(true));
  await new Promise<void>((resolve) => client.once('connect', () => resolve()));
  return client;
}

const texts = (count: number, word = 'm') =>
  Array.from({ length: count }, (_, n) => `${word}-${n}`);
const send = (client: MqttClient, messages: readonly string[], topic = 't') =>
  Promise.all(messages.map((text) => client.publishAsync(topic, text, { qos: 1 })));

/** A server that sends back what it gets, and both ends of one connection through a proxy. */
async function startEcho() {
  const sockets: Socket[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket.on('error', () => {}));
    socket.pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  toClose.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const proxy = await startProxy((server.address() as AddressInfo).port);
  const dial = () => {
    const socket = connect(proxy.port, '127.0.0.1').on('error', () => {});
    toClose.push(() => socket.destroy());
    return socket;
  };
  return { proxy, dial, sockets };
}

async function read(socket: Socket, bytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    length += chunk.length;
  });
  while (length < bytes) await once(socket, 'data');
  return Buffer.concat(chunks);
}

it('passes everything unchanged while nothing is wrong, also what is no MQTT, and its end', async () => {
  const { proxy, dial } = await startEcho();
  const random = createRandom(3);
  const bytes = Buffer.from(Array.from({ length: 300_000 }, () => random() * 256));
  const socket = dial();
  const echoed = read(socket, bytes.length);
  socket.end(bytes);
  expect((await echoed).equals(bytes)).toBe(true);
  if (!socket.readableEnded) await once(socket, 'end');
  expect(proxy.counts()).toMatchObject({ bytesUp: 300_000, bytesDown: 300_000, resets: 0 });
});

it('lets nothing through a partition, and all that waited once it is healed', async () => {
  const broker = await startBroker();
  const proxy = await startProxy(broker.port);
  const far = await open(broker.url);
  const inbox = new Inbox(far);
  await far.subscribeAsync('t', { qos: 1 });
  const cut = await open(proxy.url);
  await send(cut, ['before']);
  proxy.apply({ kind: 'partition' });
  const { bytesUp } = proxy.counts();
  const sent = send(cut, texts(5));
  await send(far, ['fence']);
  await inbox.until((seen) => seen.includes('fence'));
  expect(proxy.counts()).toMatchObject({ bytesUp });
  expect(inbox.texts).toEqual(['before', 'fence']);
  proxy.heal();
  await sent;
  await inbox.until((seen) => seen.length === 7);
  expect(inbox.texts.slice(2)).toEqual(texts(5));
  expect(proxy.counts()).toMatchObject({ resets: 0, connections: 1 });
});

it('lets new connections hang in a partition or refuses them, and opens those that waited', async () => {
  const { proxy, dial, sockets } = await startEcho();
  proxy.apply({ kind: 'partition' });
  const dialled = Array.from({ length: 20 }, dial);
  for (const socket of dialled) socket.write('hello');
  while (proxy.counts()['connections'] !== 20) await turn();
  const refused = proxy.counts()['refused'] ?? 0;
  expect(refused).toBeGreaterThan(0);
  expect(proxy.connections).toBe(20 - refused);
  while (dialled.filter(({ destroyed }) => destroyed).length < refused) await turn();
  const waiting = dialled.filter(({ destroyed }) => !destroyed);
  // One gives up: nothing of it comes to the far side.
  waiting.pop()?.destroy();
  while (proxy.connections !== waiting.length) await turn();
  expect(sockets).toEqual([]);
  proxy.heal();
  for (const socket of waiting) expect((await read(socket, 5)).toString()).toBe('hello');
  expect(sockets).toHaveLength(waiting.length);
});

it('delays without changing the order', async () => {
  const broker = await startBroker();
  const proxy = await startProxy(broker.port);
  const far = await open(broker.url);
  const inbox = new Inbox(far);
  await far.subscribeAsync('t', { qos: 1 });
  const slow = await open(proxy.url);
  proxy.apply({ kind: 'latency', ms: 30, jitterMs: 30 });
  const started = performance.now();
  await send(slow, texts(50));
  expect(performance.now() - started).toBeGreaterThanOrEqual(60);
  await inbox.until((seen) => seen.length === 50);
  expect(inbox.texts).toEqual(texts(50));
});

it('ends a half-open connection only by the keep-alive, and the next one works after the heal', async () => {
  for (const direction of ['up', 'down', 'both'] as const) {
    const broker = await startBroker();
    const proxy = await startProxy(broker.port);
    const client = await open(proxy.url, { keepalive: 1, reconnectPeriod: 0 });
    const errors: string[] = [];
    client.on('error', ({ message }) => errors.push(message));
    const closed = closing(client);
    proxy.apply({ kind: 'half-open', direction });
    await closed;
    expect(errors).toEqual(['Keepalive timeout']);
    expect(proxy.counts()['swallowedBytes']).toBeGreaterThan(0);
    proxy.heal();
    while (proxy.connections > 0) await turn();
    const next = await open(proxy.url);
    await send(next, ['works']);
  }
});

it('resets what was swallowed from, on both sides, and leaves the other connections', async () => {
  const { proxy, dial, sockets } = await startEcho();
  const [used, idle] = [dial(), dial()];
  for (const socket of [used, idle]) {
    socket.write('a');
    await read(socket, 1);
  }
  proxy.apply({ kind: 'half-open', direction: 'down' });
  used.write('bb');
  while (proxy.counts()['swallowedBytes'] !== 2) await turn();
  const errors: string[] = [];
  used.on('error', (error: NodeJS.ErrnoException) => errors.push(error.code ?? ''));
  const farClosed = closing(sockets[0] as Socket);
  const closed = closing(used);
  proxy.heal();
  await Promise.all([closed, farClosed]);
  expect(errors).toEqual(['ECONNRESET']);
  const echoed = read(idle, 1);
  idle.write('c');
  expect((await echoed).toString()).toBe('c');
});

it('breaks off in the middle of a packet with a reset, once', async () => {
  const broker = await startBroker();
  for (let seed = 1; seed <= 20; seed += 1) {
    const proxy = await startProxy(broker.port, seed);
    const client = await open(proxy.url, { clientId: `c-${seed}` });
    const far = await open(broker.url);
    const inbox = new Inbox(far);
    await far.subscribeAsync(`t-${seed}`, { qos: 1 });
    const errors: string[] = [];
    client.on('error', (error) => {
      errors.push('code' in error ? String(error.code) : error.message);
    });
    const closed = closing(client);
    proxy.apply({ kind: 'reset', afterBytes: 100 + seed });
    const sent = send(client, texts(30), `t-${seed}`);
    await closed;
    await sent;
    await inbox.until((seen) => new Set(seen).size === 30);
    expect(proxy.counts()).toMatchObject({ resets: 1, connections: 2 });
    expect(errors.filter((code) => code !== 'ECONNRESET' && code !== 'EPIPE')).toEqual([]);
  }
});

it('writes some bytes of the packet that breaks off, and not all', async () => {
  const { proxy, dial } = await startEcho();
  const socket = dial();
  socket.write('first');
  await read(socket, 5);
  const { bytesUp = 0 } = proxy.counts();
  proxy.apply({ kind: 'reset', afterBytes: 1 });
  const closed = closing(socket);
  socket.write('second');
  await closed;
  const passed = (proxy.counts()['bytesUp'] ?? 0) - bytesUp;
  expect(passed).toBeGreaterThanOrEqual(1);
  expect(passed).toBeLessThan(6);
});

it('stalls a subscriber without losing anything, and lets the sender feel it', async () => {
  const { proxy, dial } = await startEcho();
  const socket = dial();
  socket.write('a');
  await read(socket, 1);
  proxy.apply({ kind: 'stall', direction: 'up' });
  const flood = Buffer.alloc(64 * 1024 * 1024, 7);
  let isWritten = false;
  socket.write(flood, () => {
    isWritten = true;
  });
  for (let turns = 0; turns < 200; turns += 1) await turn();
  expect(isWritten).toBe(false);
  expect(proxy.counts()['bytesUp']).toBe(1);
  const echoed = read(socket, flood.length);
  proxy.heal();
  expect((await echoed).equals(flood)).toBe(true);
});

it('keeps what a stalled subscriber missed at QoS 1 until the heal', async () => {
  const broker = await startBroker();
  const proxy = await startProxy(broker.port);
  const stalled = await open(proxy.url);
  const inbox = new Inbox(stalled);
  await stalled.subscribeAsync('t', { qos: 1 });
  const far = await open(broker.url);
  proxy.apply({ kind: 'stall', direction: 'down' });
  await send(far, texts(500));
  expect(inbox.texts).toEqual([]);
  proxy.heal();
  await inbox.until((seen) => seen.length === 500);
  expect(inbox.texts).toEqual(texts(500));
});

it.each([4, 5] as const)(
  'delivers copies both ways with MQTT version %i, which nobody minds',
  async (protocolVersion) => {
    const broker = await startBroker();
    const proxy = await startProxy(broker.port);
    const client = await open(proxy.url, { protocolVersion });
    const far = await open(broker.url, { protocolVersion });
    const [up, down] = [new Inbox(far), new Inbox(client)];
    await far.subscribeAsync('up', { qos: 1 });
    await client.subscribeAsync('down', { qos: 1 });
    let closes = 0;
    client.on('close', () => {
      closes += 1;
    });
    const errors: Error[] = [];
    client.on('error', (error) => errors.push(error));
    proxy.apply({ kind: 'duplicate', share: 0.5 });
    await Promise.all([send(client, texts(100), 'up'), send(far, texts(100), 'down')]);
    proxy.heal();
    await Promise.all([send(client, ['end'], 'up'), send(far, ['end'], 'down')]);
    for (const inbox of [up, down]) {
      const seen = await inbox.until((all) => all.includes('end'));
      expect(seen.length).toBeGreaterThan(101);
      expect(new Set(seen).size).toBe(101);
      const copies = inbox.packets.filter(({ qos }) => qos === 0);
      expect(copies.length).toBe(seen.length - 101);
    }
    const total = up.packets.length + down.packets.length - 202;
    expect(proxy.counts()['duplicated']).toBe(total);
    expect([closes, errors]).toEqual([0, []]);
  },
);

it('reorders what comes down, which nobody minds, and loses nothing', async () => {
  const broker = await startBroker();
  const proxy = await startProxy(broker.port);
  const client = await open(proxy.url, { protocolVersion: 5 });
  const inbox = new Inbox(client);
  await client.subscribeAsync('t', { qos: 1 });
  let closes = 0;
  client.on('close', () => {
    closes += 1;
  });
  const far = await open(broker.url);
  proxy.apply({ kind: 'reorder', share: 0.3 });
  await send(far, texts(200));
  await inbox.until((seen) => seen.length === 200);
  expect(inbox.texts).not.toEqual(texts(200));
  expect(inbox.texts.toSorted()).toEqual(texts(200).toSorted());
  expect(proxy.counts()['reordered']).toBeGreaterThan(0);
  // All of them are acknowledged: nothing comes again to the same session.
  expect(new Set(inbox.packets.map(({ messageId }) => messageId)).size).toBe(200);
  expect(closes).toBe(0);
});

it('passes no more bytes a second than a slow line', async () => {
  const { proxy, dial } = await startEcho();
  const socket = dial();
  socket.write('a');
  await read(socket, 1);
  proxy.apply({ kind: 'throttle', bytesPerSecond: 20_000 });
  const started = performance.now();
  const echoed = read(socket, 4000);
  socket.write(Buffer.alloc(4000, 9));
  expect((await echoed).equals(Buffer.alloc(4000, 9))).toBe(true);
  // The last piece of a twentieth of a second does not wait for the time that it takes.
  expect(performance.now() - started).toBeGreaterThanOrEqual(140);
});

it('bears several faults at once', async () => {
  const broker = await startBroker();
  const proxy = await startProxy(broker.port, 4);
  const client = await open(proxy.url, { protocolVersion: 5 });
  const inbox = new Inbox(client);
  await client.subscribeAsync('t', { qos: 1 });
  const far = await open(broker.url);
  proxy.apply({ kind: 'latency', ms: 5, jitterMs: 20 });
  proxy.apply({ kind: 'duplicate', share: 0.3 });
  proxy.apply({ kind: 'reorder', share: 0.3 });
  proxy.apply({ kind: 'throttle', bytesPerSecond: 100_000 });
  await send(far, texts(200));
  await inbox.until((seen) => new Set(seen).size === 200);
  proxy.heal();
  await send(far, ['end']);
  await inbox.until((seen) => seen.includes('end'));
  expect(inbox.texts.length).toBe(201 + (proxy.counts()['duplicated'] ?? 0));
});

it('goes to another address once it is told, and breaks connections to nobody', async () => {
  const first = await startBroker();
  const proxy = await startProxy(first.port);
  const client = await open(proxy.url);
  const second = await startBroker();
  const far = await open(second.url);
  const inbox = new Inbox(far);
  await far.subscribeAsync('t', { qos: 1 });
  const closed = closing(client);
  await first.kill();
  await closed;
  proxy.setTarget({ host: '127.0.0.1', port: second.port });
  await send(client, ['there']);
  expect(await inbox.until((seen) => seen.length > 0)).toEqual(['there']);
});

/** Rejects at no error. */
function closing(emitter: Socket | MqttClient): Promise<void> {
  return new Promise((resolve) => {
    (emitter as Socket).once('close', () => resolve());
  });
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 1));
