// Shared subscriptions on the running broker, by raw MQTT clients.
import type { IPublishPacket, MqttClient } from 'mqtt';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { closed, type RunningBroker, startRunningBroker } from './running-broker.fixture.ts';

const READING = 'echolot/v1/readings/dev-1/sonar';
const SHARE = '$share/predictors/echolot/v1/readings/+/sonar';
let running: RunningBroker;
let device: MqttClient;

beforeEach(async () => {
  running = await startRunningBroker();
  await running.identity('dev-1', 'client');
  for (const name of ['edge-1', 'edge-2', 'edge-3']) await running.identity(name, 'predictor');
  device = (await running.connect('dev-1')).client;
});
afterEach(() => running.dispose());

/** A member of the group; `holds`: it never acknowledges. */
async function member(name: string, options: { clean?: boolean; holds?: boolean } = {}) {
  const { clean = false, holds = false } = options;
  const each = await running.connect(name, { clean });
  const held: IPublishPacket[] = [];
  let wake: () => void = () => undefined;
  if (holds) {
    each.client.handleMessage = (packet, done) => {
      held.push(packet);
      wake();
      // An error leaves the PUBACK out and lets the next message in.
      done(new Error('held'));
    };
  }
  await each.client.subscribeAsync(SHARE, { qos: 1 });
  return {
    ...each,
    held,
    async untilHeld(count: number) {
      while (held.length < count) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}

async function publish(texts: string[]) {
  await Promise.all(texts.map((text) => device.publishAsync(READING, text, { qos: 1 })));
}

const numbers = (count: number, from = 0) =>
  Array.from({ length: count }, (_, index) => String(from + index));

describe('a shared subscription', () => {
  it('gives 3,000 messages to three members evenly, each once', async () => {
    const members = [await member('edge-1'), await member('edge-2'), await member('edge-3')];
    // Never as many at once as one member could take: no window but the turns make it even.
    for (let at = 0; at < 3000; at += 60) await publish(numbers(60, at));
    const all = () => members.flatMap(({ inbox }) => inbox.texts);
    await new Promise<void>((resolve) => {
      const look = () => all().length >= 3000 && resolve();
      for (const { client } of members) client.on('message', look);
      look();
    });
    expect(
      all()
        .map(Number)
        .sort((a, b) => a - b),
    ).toEqual(numbers(3000).map(Number));
    for (const { inbox } of members) {
      expect(inbox.texts.length).toBeGreaterThanOrEqual(900);
      expect(inbox.texts.length).toBeLessThanOrEqual(1100);
    }
  });

  it.each([true, false])(
    'gives what a killed member held to the living (clean session: %s), and it gets none of them back',
    async (clean) => {
      const dead = await member('edge-1', { clean, holds: true });
      await publish(numbers(20));
      await dead.untilHeld(20);
      const living = await member('edge-2');
      dead.client.stream.destroy();
      expect(await living.inbox.until(({ length }) => length >= 20)).toEqual(numbers(20));
      await publish(numbers(20, 20));
      expect(await living.inbox.until(({ length }) => length >= 40)).toEqual(numbers(40));
      const back = await member('edge-1', { clean });
      await publish(numbers(2, 40));
      await back.inbox.until(({ length }) => length >= 1);
      await living.inbox.until(({ length }) => length >= 41);
      expect(back.inbox.texts).toHaveLength(1);
      expect(Number(back.inbox.texts[0])).toBeGreaterThanOrEqual(40);
    },
  );

  it('waits for its last member where that has a persistent session', async () => {
    const only = await member('edge-1', { holds: true });
    await publish(['0', '1']);
    await only.untilHeld(2);
    only.client.stream.destroy();
    await closed(only.client);
    await publish(['2', '3']);
    const back = await running.connect('edge-1', { clean: false });
    expect(await back.inbox.until(({ length }) => length >= 4)).toEqual(['0', '1', '2', '3']);
  });

  it('is joined again with its session, without a new SUBSCRIBE', async () => {
    const first = await member('edge-1');
    await first.client.endAsync();
    const back = await running.connect('edge-1', { clean: false });
    await publish(['0']);
    expect(await back.inbox.until(({ length }) => length >= 1)).toEqual(['0']);
  });

  it('keeps nothing once the session of its last member is ended', async () => {
    const first = await member('edge-1');
    await first.client.endAsync();
    await (await running.connect('edge-1', { clean: true })).client.endAsync();
    await publish(['lost']);
    const next = await member('edge-2');
    await publish(['fence']);
    expect(await next.inbox.until(({ length }) => length >= 1)).toEqual(['fence']);
  });

  it('keeps nothing for an identity that was removed', async () => {
    const first = await member('edge-1');
    await first.client.endAsync();
    await running.store.remove('edge-1');
    await publish(['lost']);
    const next = await member('edge-2');
    await publish(['fence']);
    expect(await next.inbox.until(({ length }) => length >= 1)).toEqual(['fence']);
  });

  it('gives nothing new to a member that unsubscribes', async () => {
    const [leaving, staying] = [await member('edge-1'), await member('edge-2')];
    await leaving.client.unsubscribeAsync(SHARE);
    await publish(numbers(10));
    expect(await staying.inbox.until(({ length }) => length >= 10)).toEqual(numbers(10));
    expect(leaving.inbox.texts).toEqual([]);
  });

  it('serves QoS 0 as well, and other models apart', async () => {
    const sonar = await member('edge-1');
    const radar = await running.connect('edge-2');
    await radar.client.subscribeAsync(SHARE.replace('sonar', 'radar'), { qos: 1 });
    await device.publishAsync(READING, 'a', { qos: 0 });
    await device.publishAsync(READING.replace('sonar', 'radar'), 'b', { qos: 0 });
    expect(await sonar.inbox.until(({ length }) => length >= 1)).toEqual(['a']);
    expect(await radar.inbox.until(({ length }) => length >= 1)).toEqual(['b']);
    expect(sonar.inbox.packets[0]).toMatchObject({ qos: 0 });
  });

  it('leaves what a frozen member cannot take to the others', async () => {
    const frozen = await member('edge-1', { holds: true });
    const living = await member('edge-2');
    await publish(numbers(1000));
    // The frozen one holds its window of 128 and not one more.
    await frozen.untilHeld(128);
    await living.inbox.until(({ length }) => length >= 872);
    expect(frozen.held).toHaveLength(128);
    frozen.client.stream.destroy();
    await living.inbox.until(({ length }) => length >= 1000);
    expect(new Set(living.inbox.texts).size).toBe(1000);
  });

  it('never gives a message id twice while it is in use', async () => {
    const each = await member('edge-1', { holds: true });
    await each.client.subscribeAsync('echolot/v1/agents/+/status', { qos: 1 });
    await publish(['held']);
    await each.untilHeld(1);
    const taken = each.held[0]?.messageId;
    const ids = new Set<number | undefined>();
    each.client.handleMessage = (packet, done) => {
      ids.add(packet.messageId);
      done();
    };
    const other = await running.connect('edge-2');
    const status = 'echolot/v1/agents/edge-2/status';
    let left = 66_000;
    const next = async (): Promise<void> => {
      while (left > 0) {
        left -= 1;
        await other.client.publishAsync(status, 'x', { qos: 1 });
      }
    };
    await Promise.all(Array.from({ length: 200 }, next));
    await other.client.publishAsync(status, 'fence', { qos: 1 });
    await each.inbox.until((texts) => texts.includes('fence'));
    expect(ids.size).toBe(65_534);
    expect(ids.has(taken)).toBe(false);
  });
});
