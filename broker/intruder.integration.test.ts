// A client who means harm to another, on both brokers with a real agent: it reads, forges and blocks nothing.
import type { IClientPublishOptions, MqttClient } from 'mqtt';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { VALUES } from '../agent/serving.fixture.ts';
import { decodeAnswer, decodeStatus } from '../schemas/encode.ts';
import { type Guest, type Kind, type Scene, startScene } from './intruder.fixture.ts';
import { closed } from './running-broker.fixture.ts';

const R = 'echolot/v1';
const VICTIMS = [`${R}/readings/victim/sonar`, `${R}/replies/victim/sonar`];
const STATUS = `${R}/agents/edge-1/status`;
const FORGED = JSON.stringify({ id: 'forged', label: 'rock', values: VALUES });

/** Judged by what arrives, whatever the broker acknowledges. */
async function publish(client: MqttClient, topic: string, options: IClientPublishOptions = {}) {
  await client.publishAsync(topic, FORGED, { qos: 1, ...options }).catch(() => undefined);
}

async function subscribe(client: MqttClient, filters: readonly string[]) {
  for (const filter of filters) {
    await client.subscribeAsync(filter, { qos: 1 }).catch(() => undefined);
  }
}

const ids = ({ inbox }: Guest) => inbox.messages.map(({ payload }) => decodeAnswer(payload)?.id);

describe.each<[Kind, 4 | 5]>([
  ['embedded', 4],
  ['mosquitto', 4],
  ['mosquitto', 5],
])('on the %s broker over MQTT version %i an intruder', (kind, version) => {
  let scene: Scene;
  let victim: Guest;
  let intruder: Guest;
  let operator: Guest;

  beforeEach(async () => {
    scene = await startScene(kind, version);
    victim = await listening('victim');
    intruder = await listening('intruder');
    operator = await scene.connect('op');
    await subscribe(operator.client, [`${R}/readings/#`, `${R}/replies/#`]);
  });
  afterEach(() => scene.stop());

  async function listening(name: string): Promise<Guest> {
    const guest = await scene.connect(name);
    await subscribe(guest.client, [`${R}/replies/${name}/+`]);
    return guest;
  }

  /** Asks, and waits for the answer: a fence for whoever asks, and for the operator. */
  async function ask(name: string, { client, inbox }: Guest, id: string) {
    const reading = JSON.stringify({ id, values: VALUES });
    await client.publishAsync(`${R}/readings/${name}/sonar`, reading, { qos: 1 });
    const isAnswer = ({ payload }: { payload: Buffer }) => decodeAnswer(payload)?.id === id;
    await inbox.until((messages) => messages.some(isAnswer));
    const topic = `${R}/replies/${name}/sonar`;
    await operator.inbox.until((messages) =>
      messages.some((each) => each.topic === topic && isAnswer(each)),
    );
  }

  /** What the operator saw under the victim's name was of the victim. */
  function expectNothingForged() {
    const seen = operator.inbox.messages.filter(({ topic }) => VICTIMS.includes(topic));
    expect(seen.filter(({ payload }) => payload.includes('forged'))).toEqual([]);
    expect(ids(victim)).not.toContain('forged');
  }

  it('forges no reading and no reply by its topic', async () => {
    for (const topic of VICTIMS) await publish(intruder.client, topic);
    await ask('intruder', intruder, 'fence');
    await ask('victim', victim, 'mine');
    expectNothingForged();
    expect(ids(victim)).toEqual(['mine']);
  });

  it('reads nothing of another by an exact subscription or by wildcards', async () => {
    const wide = ['#', '+/#', `${R}/#`, `${R}/+/victim/+`, `${R}/readings/+/+`, `${R}/replies/+/+`];
    await subscribe(intruder.client, [...VICTIMS, ...wide, `${R}/replies/victim/+`, '$SYS/#']);
    await ask('victim', victim, 'secret');
    await ask('intruder', intruder, 'fence');
    expect(ids(intruder)).toEqual(['fence']);
  });

  it.each([false, true])('forges nothing by a last will (retained: %s)', async (retain) => {
    for (const topic of VICTIMS) {
      await intruder.client.endAsync(true);
      const will = { topic, payload: Buffer.from(FORGED), qos: 1 as const, retain };
      const dying = await scene.tryConnect('intruder', { will });
      if (dying) {
        dying.client.stream.destroy();
        await closed(dying.client);
      }
      intruder = await listening('intruder');
    }
    await ask('intruder', intruder, 'fence');
    await ask('victim', victim, 'mine');
    expectNothingForged();
    expect(ids(victim)).toEqual(['mine']);
  });

  it('leaves nothing retained for another, and takes no status away', async () => {
    for (const topic of [...VICTIMS, STATUS]) {
      await publish(intruder.client, topic, { retain: true });
    }
    await intruder.client
      .publishAsync(STATUS, Buffer.alloc(0), { qos: 1, retain: true })
      .catch(() => undefined);
    await victim.client.endAsync();
    victim = await listening('victim');
    await subscribe(victim.client, [STATUS]);
    const isStatus = ({ topic }: { topic: string }) => topic === STATUS;
    const messages = await victim.inbox.until((all) => all.some(isStatus));
    const status = messages.find(isStatus);
    expect(decodeStatus(status?.payload ?? Buffer.alloc(0))).toMatchObject({ state: 'online' });
    await ask('victim', victim, 'mine');
    expectNothingForged();
  });

  it('does not displace another by its client id', async () => {
    for (const listener of ['inner', 'clients'] as const) {
      const taken = await scene.tryConnect('intruder', { clientId: 'victim' }, listener);
      await ask('victim', victim, listener);
      expect(victim.client.connected).toBe(true);
      // Where the listener gives everybody the username as client id, it has displaced itself.
      if (taken) expect(intruder.client.connected).toBe(false);
      expect(taken?.inbox.messages ?? []).toEqual([]);
    }
    expect(ids(victim)).toEqual(['inner', 'clients']);
  });

  it('joins no group: of 1,000 readings 1,000 are answered, and it receives none', async () => {
    const filters = [`${R}/readings/+/sonar`, `${R}/readings/victim/sonar`, `${R}/readings/#`];
    const groups = ['predictors', 'sonar', 'another'];
    await subscribe(intruder.client, [
      ...filters,
      `$share/predictors/${R}/readings/+/+`,
      '$share/predictors/#',
      ...groups.flatMap((group) => filters.map((filter) => `$share/${group}/${filter}`)),
      ...groups.map((group) => `$share/${group}/${R}/replies/victim/+`),
    ]);
    const count = 1000;
    const topic = `${R}/readings/victim/sonar`;
    const wanted = Array.from({ length: count }, (_, index) => `r-${index}`);
    // At most 50 unanswered, as a client has it: the agent is not asked for more than it takes in.
    for (let from = 0; from < count; from += 50) {
      const some = wanted.slice(from, from + 50);
      for (const id of some) {
        victim.client.publish(topic, JSON.stringify({ id, values: VALUES }), { qos: 1 });
      }
      await victim.inbox.until(({ length }) => length >= from + some.length);
    }
    const answers = victim.inbox.messages.map(({ payload }) => decodeAnswer(payload));
    expect(answers.filter((answer) => answer && 'problem' in answer)).toEqual([]);
    expect(new Set(answers.map((answer) => answer?.id))).toEqual(new Set(wanted));
    await ask('intruder', intruder, 'fence');
    expect(ids(intruder)).toEqual(['fence']);
  });

  it('is answered itself, whatever response topic it names', async () => {
    const topic = `${R}/readings/intruder/sonar`;
    const reading = { id: 'mine', values: VALUES, responseTopic: VICTIMS[1] };
    const named = { responseTopic: `${R}/replies/victim/sonar`, correlationData: Buffer.from('c') };
    const properties = version === 5 ? { properties: named } : {};
    await intruder.client.publishAsync(topic, JSON.stringify(reading), { qos: 1, ...properties });
    const [message] = await intruder.inbox.until(({ length }) => length > 0);
    const answer = decodeAnswer(message?.payload ?? Buffer.alloc(0));
    if (version === 5) {
      expect(answer).toMatchObject({ problem: { code: 'RESPONSE_TOPIC_REFUSED' } });
    } else expect(answer).toMatchObject({ id: 'mine' });
    await ask('victim', victim, 'fence');
    expect(ids(victim)).toEqual(['fence']);
  });

  it("draws nobody's answer to itself by another's id and correlation data", async () => {
    const correlationData = Buffer.from('the same');
    const properties = version === 5 ? { properties: { correlationData } } : {};
    const asks = async (name: string, { client }: Guest, values: number[]) =>
      client.publishAsync(`${R}/readings/${name}/sonar`, JSON.stringify({ id: 'same', values }), {
        qos: 1,
        ...properties,
      });
    const others = VALUES.map((value) => 1 - value);
    await asks('victim', victim, VALUES);
    await asks('intruder', intruder, others);
    const [mine] = await victim.inbox.until(({ length }) => length > 0);
    const [theirs] = await intruder.inbox.until(({ length }) => length > 0);
    expect(mine?.topic).toBe(`${R}/replies/victim/sonar`);
    expect(theirs?.topic).toBe(`${R}/replies/intruder/sonar`);
    const scores = [mine, theirs].map((each) => {
      const answer = decodeAnswer(each?.payload ?? Buffer.alloc(0));
      return answer && 'score' in answer ? answer.scores : null;
    });
    expect(scores[0]).not.toEqual(scores[1]);
    if (version === 5) expect(mine?.properties).toMatchObject({ correlationData });
    await ask('victim', victim, 'fence');
    expect(ids(victim)).toEqual(['same', 'fence']);
  });
});
