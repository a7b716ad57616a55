// The rules on the running broker: judged by what arrives, behind a fence message that may arrive.
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { closed, type RunningBroker, startRunningBroker } from './running-broker.fixture.ts';

const R = 'echolot/v1';
const SHARE = `$share/predictors/${R}/readings/+/sonar`;
let running: RunningBroker;

beforeEach(async () => {
  running = await startRunningBroker();
  await running.identity('dev-1', 'client');
  await running.identity('dev-2', 'client');
  await running.identity('edge-1', 'predictor');
  await running.identity('edge-2', 'predictor', ['radar']);
  await running.identity('op', 'operator');
});
afterEach(() => running.dispose());

async function watching(filter = 'echolot/#') {
  const operator = await running.connect('op');
  await operator.client.subscribeAsync(filter, { qos: 1 });
  return operator;
}

describe('a login', () => {
  it.each([
    ['no credentials', { clientId: 'x' }, 5],
    ['a wrong password', { clientId: 'dev-1', username: 'dev-1', password: 'wrong' }, 4],
    ['an unknown name', { clientId: 'nobody', username: 'nobody', password: 'wrong' }, 4],
    ['a password of 2 kB', { clientId: 'dev-1', username: 'dev-1', password: 'x'.repeat(2000) }, 4],
  ])('with %s gets its return code', async (_, options, code) => {
    expect(await running.tryConnect(options)).toBe(code);
    expect(running.refusals()).toEqual([
      expect.objectContaining({ verb: 'connect', clientId: options.clientId, level: 40 }),
    ]);
    expect(JSON.stringify(running.log)).not.toContain('xxxx');
  });

  it('with MQTT 5 is told so, and works with 3.1.1', async () => {
    expect(await running.tryConnect(running.options('dev-1', { protocolVersion: 5 }))).toBe(1);
    expect(await running.tryConnect(running.options('dev-1'))).toBe(0);
  });

  it.each([
    ['dev-1', 'dev-2', 2],
    ['dev-1', 'anything', 2],
    ['op', 'edge-1', 2],
    ['edge-1', 'dev-1', 2],
    ['edge-1', 'op', 2],
    ['edge-1', 'edge-2', 0],
    ['edge-1', 'edge-1-replies', 0],
    ['edge-1', 'x'.repeat(300), 2],
  ])('of %s under the client id %s gets %i', async (name, clientId, code) => {
    expect(await running.tryConnect(running.options(name, { clientId }))).toBe(code);
    expect(running.refusals()).toHaveLength(code === 0 ? 0 : 1);
  });

  it('without a client id is bound to the username', async () => {
    const first = await running.connect('dev-1');
    const second = await running.connect('dev-1', { clientId: '', clean: true });
    await closed(first.client);
    await second.client.subscribeAsync(`${R}/replies/dev-1/+`, { qos: 1 });
    const edge = await running.connect('edge-1');
    await edge.client.publishAsync(`${R}/replies/dev-1/sonar`, 'answer', { qos: 1 });
    expect(await second.inbox.until(({ length }) => length > 0)).toEqual(['answer']);
  });

  it('takes over from an earlier one of the same client', async () => {
    const first = await running.connect('dev-1');
    await running.connect('dev-1');
    await closed(first.client);
    expect(first.client.connected).toBe(false);
  });
});

describe('a denied publish', () => {
  it.each([0, 1, 2] as const)('at QoS %i is acknowledged, dropped and logged once', async (qos) => {
    const operator = await watching();
    const { client } = await running.connect('dev-1');
    for (let times = 0; times < 3; times += 1) {
      await client.publishAsync(`${R}/readings/dev-2/sonar`, 'forged', { qos });
    }
    await client.publishAsync(`${R}/replies/dev-2/sonar`, 'forged', { qos });
    await client.publishAsync(`${R}/readings/dev-1/sonar`, 'fence', { qos: 1 });
    expect(await operator.inbox.until(({ length }) => length > 0)).toEqual(['fence']);
    expect(client.connected).toBe(true);
    expect(running.refusals()).toEqual([
      expect.objectContaining({
        verb: 'publish',
        username: 'dev-1',
        clientId: 'dev-1',
        topic: `${R}/readings/dev-2/sonar`,
        address: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
        reason: 'no rule lets a client publish this',
      }),
      expect.objectContaining({ topic: `${R}/replies/dev-2/sonar` }),
    ]);
  });

  it('neither stores nor deletes what is retained', async () => {
    const edge = await running.connect('edge-1');
    const status = `${R}/agents/edge-1/status`;
    await edge.client.publishAsync(status, 'online', { qos: 1, retain: true });
    const dev = await running.connect('dev-1');
    await dev.client.publishAsync(status, 'forged', { qos: 1, retain: true });
    await dev.client.publishAsync(status, '', { qos: 1, retain: true });
    await dev.client.publishAsync(`${R}/agents/ghost/status`, 'ghost', { qos: 1, retain: true });
    const operator = await watching(`${R}/agents/+/status`);
    await operator.inbox.until(({ length }) => length >= 1);
    await edge.client.publishAsync(`${R}/agents/edge-1/status`, 'fence', { qos: 1 });
    expect(await operator.inbox.until((texts) => texts.includes('fence'))).toEqual([
      'online',
      'fence',
    ]);
  });

  it('to topics of the broker or to a share reaches nobody', async () => {
    const operator = await watching('$SYS/#');
    const edge = await running.connect('edge-1');
    await edge.client.subscribeAsync(SHARE, { qos: 1 });
    const dev = await running.connect('dev-1');
    for (const topic of ['$SYS/forged', '$denied', SHARE.replace('+', 'dev-1')]) {
      await dev.client.publishAsync(topic, 'forged', { qos: 1 });
    }
    await dev.client.publishAsync(`${R}/readings/dev-1/sonar`, 'fence', { qos: 1 });
    expect(await edge.inbox.until(({ length }) => length > 0)).toEqual(['fence']);
    // The broker tells who connects: a fence for what is below $SYS.
    await running.connect('dev-2');
    await operator.inbox.until((texts) => texts.includes('dev-2'));
    const foreign = operator.inbox.packets.filter(
      ({ topic }) => !/^\$SYS\/[\w-]{36}\//.test(topic),
    );
    expect(foreign).toEqual([]);
    expect(running.refusals()).toHaveLength(3);
  });
});

describe('a last will', () => {
  async function dieWith(topic: string, retain: boolean) {
    const will = { topic, payload: Buffer.from('will'), qos: 1 as const, retain };
    const { client } = await running.connect('edge-1', { will });
    client.stream.destroy();
    await closed(client);
  }

  it('that is permitted is published and kept where it is retained', async () => {
    const operator = await watching();
    await dieWith(`${R}/agents/edge-1/status`, true);
    expect(await operator.inbox.until(({ length }) => length > 0)).toEqual(['will']);
    const dev = await running.connect('dev-1');
    await dev.client.subscribeAsync(`${R}/agents/+/status`, { qos: 1 });
    await dev.inbox.until(({ length }) => length > 0);
    expect(dev.inbox.packets[0]).toMatchObject({ retain: true });
  });

  it.each([
    `${R}/agents/edge-2/status`,
    `${R}/readings/dev-1/sonar`,
    '$SYS/x',
    `${R}/agents/+/status`,
  ])('on %s is dropped and logged', async (topic) => {
    const operator = await watching();
    await dieWith(topic, true);
    // Published after the disconnect that the broker tells about: the will would have come before.
    const edge = await running.connect('edge-1');
    await edge.client.publishAsync(`${R}/agents/edge-1/status`, 'fence', { qos: 1 });
    expect(await operator.inbox.until(({ length }) => length > 0)).toEqual(['fence']);
    expect(running.refusals()).toEqual([
      expect.objectContaining({ verb: 'publish', username: 'edge-1', topic }),
    ]);
  });

  it('is published when its client is taken over, and not after a goodbye', async () => {
    const operator = await watching();
    const will = {
      topic: `${R}/agents/edge-1/status`,
      payload: Buffer.from('will'),
      qos: 1 as const,
      retain: false,
    };
    await running.connect('edge-1', { will });
    const second = await running.connect('edge-1', { will });
    expect(await operator.inbox.until(({ length }) => length > 0)).toEqual(['will']);
    await second.client.endAsync();
    const third = await running.connect('edge-1');
    await third.client.publishAsync(`${R}/agents/edge-1/status`, 'fence', { qos: 1 });
    expect(await operator.inbox.until(({ length }) => length > 1)).toEqual(['will', 'fence']);
  });
});

describe('a subscription', () => {
  it.each([
    ['dev-1', `${R}/replies/dev-1/+`, 1],
    ['dev-1', `${R}/replies/+/+`, 128],
    ['dev-1', '#', 128],
    ['dev-1', '$SYS/#', 128],
    ['dev-1', SHARE, 128],
    ['dev-1', `$share/mine/${R}/replies/dev-1/+`, 128],
    ['edge-1', SHARE, 1],
    ['edge-1', SHARE.replace('sonar', '+'), 128],
    ['edge-1', SHARE.replace('predictors', 'others'), 128],
    ['edge-1', `${R}/readings/+/sonar`, 128],
    ['edge-2', SHARE, 128],
    ['edge-2', SHARE.replace('sonar', 'radar'), 1],
    ['op', 'echolot/#', 1],
    ['op', '$SYS/#', 1],
    ['op', '#', 128],
    ['op', SHARE, 128],
  ])('of %s to %s is granted %i', async (name, filter, granted) => {
    const { client } = await running.connect(name);
    const packets: { granted?: unknown }[] = [];
    client.on('packetreceive', (packet) => packets.push(packet as { granted?: unknown }));
    await client.subscribeAsync(filter, { qos: 1 }).catch(() => undefined);
    expect(packets.at(-1)?.granted).toEqual([granted]);
    expect(running.refusals()).toHaveLength(granted === 128 ? 1 : 0);
  });

  it('that is denied brings nothing', async () => {
    const dev = await running.connect('dev-1');
    for (const name of ['dev-1', 'dev-2']) {
      await dev.client.subscribeAsync(`${R}/replies/${name}/+`, { qos: 1 }).catch(() => undefined);
    }
    const edge = await running.connect('edge-1');
    await edge.client.publishAsync(`${R}/replies/dev-2/sonar`, 'foreign', { qos: 1 });
    await edge.client.publishAsync(`${R}/replies/dev-1/sonar`, 'fence', { qos: 1 });
    expect(await dev.inbox.until(({ length }) => length > 0)).toEqual(['fence']);
  });

  it('that is denied brings nothing among granted ones of a persistent session', async () => {
    const dev = await running.connect('dev-1', { clean: false });
    await dev.client
      .subscribeAsync([`${R}/replies/dev-1/+`, `${R}/replies/dev-2/+`], { qos: 1 })
      .catch(() => undefined);
    await dev.client.endAsync();
    const edge = await running.connect('edge-1');
    await edge.client.publishAsync(`${R}/replies/dev-2/sonar`, 'foreign', { qos: 1 });
    await edge.client.publishAsync(`${R}/replies/dev-1/sonar`, 'own', { qos: 1 });
    const back = await running.connect('dev-1', { clean: false });
    await edge.client.publishAsync(`${R}/replies/dev-2/sonar`, 'foreign', { qos: 1 });
    await edge.client.publishAsync(`${R}/replies/dev-1/sonar`, 'fence', { qos: 1 });
    expect(await back.inbox.until((texts) => texts.includes('fence'))).toEqual(['own', 'fence']);
  });

  it('asked for at QoS 2 is granted at 1 where it is shared', async () => {
    const { client } = await running.connect('edge-1');
    expect(await client.subscribeAsync(SHARE, { qos: 2 })).toEqual([{ topic: SHARE, qos: 1 }]);
  });

  it('gets no readings that were published as retained, but the group sees the flag', async () => {
    const edge = await running.connect('edge-1');
    await edge.client.subscribeAsync(SHARE, { qos: 1 });
    const dev = await running.connect('dev-1');
    const reading = `${R}/readings/dev-1/sonar`;
    await dev.client.publishAsync(reading, 'kept', { qos: 1, retain: true });
    await edge.inbox.until(({ length }) => length > 0);
    expect(edge.inbox.packets[0]).toMatchObject({ retain: true });
    const operator = await watching();
    await dev.client.publishAsync(reading, 'fence', { qos: 1 });
    expect(await operator.inbox.until(({ length }) => length > 0)).toEqual(['fence']);
  });
});

describe('a change of the store', () => {
  it('closes the connection of who is removed or renewed, and of nobody else', async () => {
    const [removed, renewed, other] = await Promise.all(
      ['dev-1', 'dev-2', 'edge-1'].map((name) => running.connect(name)),
    );
    const ends = [removed, renewed].map((each) => closed(each?.client as never));
    await running.store.remove('dev-1');
    await running.store.rotate('dev-2');
    await Promise.all(ends);
    await other?.client.publishAsync(`${R}/agents/edge-1/status`, 'still here', { qos: 1 });
    expect(await running.tryConnect(running.options('dev-1'))).toBe(4);
    expect(await running.tryConnect(running.options('dev-2'))).toBe(4);
  });

  it('ends a client id that a new client owns', async () => {
    const { client } = await running.connect('edge-1', { clientId: 'dev-3' });
    await running.identity('dev-3', 'client');
    await closed(client);
    expect(await running.tryConnect(running.options('dev-3'))).toBe(0);
  });

  it('ends the session of who is removed, whoever gets its name', async () => {
    const before = await running.connect('dev-1', { clean: false });
    await before.client.subscribeAsync(`${R}/replies/dev-1/+`, { qos: 1 });
    await before.client.endAsync();
    const edge = await running.connect('edge-1');
    await edge.client.publishAsync(`${R}/replies/dev-1/sonar`, 'secret', { qos: 1 });
    await running.store.remove('dev-1');
    await running.identity('dev-1', 'client');
    const after = await running.connect('dev-1', { clean: false });
    await edge.client.publishAsync(`${R}/replies/dev-1/sonar`, 'secret', { qos: 1 });
    await after.client.subscribeAsync(`${R}/replies/dev-1/+`, { qos: 1 });
    await edge.client.publishAsync(`${R}/replies/dev-1/sonar`, 'fence', { qos: 1 });
    expect(await after.inbox.until(({ length }) => length > 0)).toEqual(['fence']);
  });

  it('takes from a session what its owner may not receive any more', async () => {
    const before = await running.connect('op', { clean: false });
    await before.client.subscribeAsync(`${R}/replies/+/+`, { qos: 1 });
    await before.client.endAsync();
    const edge = await running.connect('edge-1');
    await edge.client.publishAsync(`${R}/replies/dev-1/sonar`, 'secret', { qos: 1 });
    // In one write, as no command does it: the name is never gone, and its session stays.
    const file = join(running.folder, 'store', 'identities.json');
    const text = await readFile(file, 'utf8');
    await writeFile(`${file}.new`, text.replace('"operator"', '"client"'));
    await rename(`${file}.new`, file);
    const after = await running.connect('op', { clean: false });
    await edge.client.publishAsync(`${R}/replies/dev-1/sonar`, 'secret', { qos: 1 });
    await after.client.subscribeAsync(`${R}/replies/op/+`, { qos: 1 });
    await edge.client.publishAsync(`${R}/replies/op/sonar`, 'fence', { qos: 1 });
    expect(await after.inbox.until(({ length }) => length > 0)).toEqual(['fence']);
  });
});
