// The whole agent on real brokers: the same agent, unchanged, on Mosquitto and on the embedded one.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeCbor } from '../schemas/cbor.ts';
import { decodeAnswer, decodeStats, decodeStatus } from '../schemas/encode.ts';
import { Inbox, type BrokerKind, type Serving, startServing, VALUES } from './serving.fixture.ts';

const READINGS = 'echolot/v1/readings/buoy-7/sonar';
const REPLIES = 'echolot/v1/replies/buoy-7/sonar';

const byText = (one: unknown, other: unknown) => String(one).localeCompare(String(other));

describe.each<BrokerKind>(['mosquitto', 'embedded'])('an agent on %s', (kind) => {
  let serving: Serving;

  beforeEach(async () => {
    serving = await startServing(kind);
  });

  afterEach(() => serving.stop());

  const askFrom = async (protocolVersion: 4 | 5) => {
    const client = await serving.connect('buoy-7', { protocolVersion });
    const inbox = new Inbox(client);
    await client.subscribeAsync('echolot/v1/replies/buoy-7/+', { qos: 1 });
    return { client, inbox };
  };

  it('answers every form of a reading in its own encoding', async () => {
    await serving.agent('edge-1');
    const { client, inbox } = await askFrom(4);
    await client.publishAsync(READINGS, JSON.stringify({ id: 'json', values: VALUES }), { qos: 1 });
    await client.publishAsync(READINGS, JSON.stringify({ id: 'batch', values: [VALUES, VALUES] }), {
      qos: 1,
    });
    await client.publishAsync(READINGS, encodeCbor({ id: 'cbor', values: VALUES }), { qos: 1 });
    const typed = Float32Array.from([...VALUES, ...VALUES, ...VALUES]);
    await client.publishAsync(READINGS, encodeCbor({ id: 'typed', values: typed }), { qos: 0 });
    const messages = await inbox.until(({ length }) => length >= 4);
    const answers = messages.map(({ payload }) => decodeAnswer(payload));
    const byId = Object.fromEntries(answers.map((answer) => [answer?.id, answer]));
    expect(byId['json']).toMatchObject({
      agent: 'edge-1',
      model: { name: 'sonar', runtime: 'onnx' },
    });
    expect(byId['batch']).toMatchObject({ predictions: [{}, {}] });
    expect(byId['cbor']).toMatchObject({ label: (byId['json'] as { label: string }).label });
    expect((byId['typed'] as { scores: Float32Array }).scores).toHaveLength(6);
    expect(messages.every(({ topic }) => topic === REPLIES)).toBe(true);
  });

  it('tells what is wrong with a reading', async () => {
    await serving.agent('edge-1');
    const { client, inbox } = await askFrom(4);
    const bad: [string | Buffer, string][] = [
      ['', 'PAYLOAD_EMPTY'],
      ['{"id":"r","values":[NaN]}', 'PAYLOAD_MALFORMED'],
      [Buffer.from('a1626964', 'hex'), 'PAYLOAD_MALFORMED'],
      [' '.repeat(2 * 1024 * 1024 + 1), 'PAYLOAD_TOO_LARGE'],
      [JSON.stringify({ values: VALUES }), 'ID_MISSING'],
      [JSON.stringify({ id: 'x'.repeat(10_000), values: VALUES }), 'ID_INVALID'],
      [JSON.stringify({ id: 'r', values: VALUES.slice(1) }), 'VALUES_WRONG_LENGTH'],
      [JSON.stringify({ id: 'r', values: VALUES.map(String) }), 'VALUES_NOT_NUMBERS'],
      [JSON.stringify({ id: 'r', values: VALUES.map(() => 7) }), 'VALUES_OUT_OF_RANGE'],
      [
        JSON.stringify({ id: 'r', values: VALUES, deadline: '2020-01-01T00:00:00Z' }),
        'DEADLINE_PASSED',
      ],
    ];
    for (const [payload] of bad) await client.publishAsync(READINGS, payload, { qos: 1 });
    const messages = await inbox.until(({ length }) => length >= bad.length);
    const codes = messages.map(({ payload }) => {
      const answer = decodeAnswer(payload);
      return answer && 'problem' in answer ? answer.problem.code : null;
    });
    expect(codes.toSorted(byText)).toEqual(bad.map(([, code]) => code).toSorted(byText));
  });

  it('refuses a retained reading and says so', async () => {
    const { client, inbox } = await askFrom(4);
    await serving.agent('edge-1');
    await client.publishAsync(READINGS, JSON.stringify({ id: 'kept', values: VALUES }), {
      qos: 1,
      retain: true,
    });
    const [message] = await inbox.until(({ length }) => length >= 1);
    expect(decodeAnswer(message?.payload ?? Buffer.alloc(0))).toMatchObject({
      id: 'kept',
      problem: { code: 'RETAINED_REFUSED' },
    });
  });

  it('is born, beats, counts and says goodbye on the bus', async () => {
    const operator = await serving.connect('operator-1');
    const inbox = new Inbox(operator);
    await operator.subscribeAsync('echolot/v1/agents/+/+', { qos: 1 });
    const agent = await serving.agent('edge-1');
    const { client, inbox: replies } = await askFrom(4);
    await client.publishAsync(READINGS, JSON.stringify({ id: 'a', values: VALUES }), { qos: 1 });
    await replies.until(({ length }) => length >= 1);
    await agent.stop();
    const messages = await inbox.until((all) =>
      all.some(({ payload }) => decodeStatus(payload)?.state === 'offline'),
    );
    const statuses = messages.flatMap(({ payload }) => decodeStatus(payload) ?? []);
    expect(statuses.map(({ state }) => state)).toEqual(['online', 'draining', 'offline']);
    expect(new Set(statuses.map(({ epoch }) => epoch)).size).toBe(1);
    expect(statuses[0]).toMatchObject({
      agent: 'edge-1',
      group: 'predictors',
      protocol: kind === 'mosquitto' ? '5' : '3.1.1',
      models: [{ name: 'sonar' }],
    });
    const stats = messages.flatMap(({ payload }) => decodeStats(payload) ?? []);
    expect(stats.at(-1)).toMatchObject({ received: 1, answered: 1, inHand: 0 });
  });

  it('shares the readings with its peers, each answered once', async () => {
    await Promise.all(['edge-1', 'edge-2', 'edge-3'].map((id) => serving.agent(id)));
    const { client, inbox } = await askFrom(4);
    const total = 3000;
    for (let sent = 0; sent < total; sent += 50) {
      await Promise.all(
        Array.from({ length: 50 }, (_, index) =>
          client.publishAsync(
            READINGS,
            JSON.stringify({ id: `r-${sent + index}`, values: VALUES }),
            { qos: 1 },
          ),
        ),
      );
    }
    await inbox.until(({ length }) => length >= total);
    const answers = inbox.messages.map(({ payload }) => decodeAnswer(payload));
    expect(new Set(answers.map((answer) => answer?.id)).size).toBe(total);
    expect(answers).toHaveLength(total);
    for (const agent of ['edge-1', 'edge-2', 'edge-3']) {
      const share = answers.filter((answer) => answer?.agent === agent).length;
      expect(share, agent).toBeGreaterThanOrEqual(900);
      expect(share, agent).toBeLessThanOrEqual(1100);
    }
  });

  it('loses nothing when one of two leaves while readings flow', async () => {
    const [first] = await Promise.all(['edge-1', 'edge-2'].map((id) => serving.agent(id)));
    const { client, inbox } = await askFrom(4);
    const total = 1000;
    for (let sent = 0; sent < total; sent += 1) {
      client.publish(READINGS, JSON.stringify({ id: `r-${sent}`, values: VALUES }), { qos: 1 });
      if (sent === total / 2) void first?.stop();
    }
    await inbox.until(
      (all) => new Set(all.map(({ payload }) => decodeAnswer(payload)?.id)).size >= total,
    );
  });

  if (kind === 'mosquitto') {
    it('says again that it serves where a late will or a twin says otherwise', async () => {
      const operator = await serving.connect('operator-1');
      const inbox = new Inbox(operator);
      await operator.subscribeAsync('echolot/v1/agents/edge-1/status', { qos: 1 });
      await serving.agent('edge-1');
      const [birth] = await inbox.until(({ length }) => length >= 1);
      const status = decodeStatus(birth?.payload ?? Buffer.alloc(0));
      const late = JSON.stringify({ ...status, state: 'offline', epoch: 'of-a-former-life' });
      const topic = 'echolot/v1/agents/edge-1/status';
      await operator.publishAsync(topic, late, { qos: 1, retain: true });
      const messages = await inbox.until(({ length }) => length >= 3);
      const seen = messages.map(({ payload }) => decodeStatus(payload));
      expect(seen.map((each) => each?.state)).toEqual(['online', 'offline', 'online']);
      expect(seen[2]?.epoch).toBe(status?.epoch);
    });

    it('echoes correlation data and never follows a foreign response topic', async () => {
      await serving.agent('edge-1');
      const { client, inbox } = await askFrom(5);
      const victim = await serving.connect('victim', { protocolVersion: 5 });
      const victims = new Inbox(victim);
      await victim.subscribeAsync('echolot/v1/replies/victim/+', { qos: 1 });
      const correlationData = Buffer.from('c-1');
      const ask = (id: string, responseTopic?: string) =>
        client.publishAsync(READINGS, JSON.stringify({ id, values: VALUES }), {
          qos: 1,
          properties: { correlationData, ...(responseTopic && { responseTopic }) },
        });
      await ask('own', REPLIES);
      await ask('foreign', 'echolot/v1/replies/victim/sonar');
      const messages = await inbox.until(({ length }) => length >= 2);
      const codes = messages.map(({ payload }) => {
        const answer = decodeAnswer(payload);
        return [answer?.id, answer && 'problem' in answer ? answer.problem.code : 'answered'];
      });
      expect(codes.toSorted(byText)).toEqual([
        ['foreign', 'RESPONSE_TOPIC_REFUSED'],
        ['own', 'answered'],
      ]);
      for (const { properties } of messages) expect(properties).toMatchObject({ correlationData });
      // A fence: what the agent might have sent to the victim would have come before it.
      await client.publishAsync('echolot/v1/replies/victim/sonar', 'fence', { qos: 1 });
      const [first] = await victims.until(({ length }) => length >= 1);
      expect(first?.payload.toString()).toBe('fence');
    });
  } else {
    it('is told by name that the broker refuses its password', async () => {
      await serving.credentials('edge-1', 'predictor');
      const agent = await serving.startAgent('edge-1', { password: 'wrong' });
      await expect(agent.failed).rejects.toMatchObject({ code: 'BROKER_REFUSED', exitCode: 77 });
    });
  }
});
