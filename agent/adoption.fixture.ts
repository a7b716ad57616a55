// For tests: an agent that dies with readings in its hands, and what the bus hears of its adoption.
import mqtt, { type MqttClient } from 'mqtt';
import { decodeAdopting, decodeAnswer, decodeStatus, encodeMessage } from '../schemas/encode.ts';
import type { Adopting } from '../schemas/messages.ts';
import { Inbox, type Serving, VALUES } from './serving.fixture.ts';
import { statusOf } from './status.fixture.ts';

export const SHARE = '$share/predictors/echolot/v1/readings/+/sonar';

/** Short times: a test waits for what happens, never for what does not. */
export const QUICK = { graceMs: 200, quietMs: 200, rivalMs: 50 };

export interface Victim {
  /** Ends without a word, as a process that is killed. */
  die(): void;
}

/** An agent that takes its share of the readings and answers none; its last will is that of an agent. */
export async function startVictim(
  serving: Serving,
  id: string,
  options: { readonly protocolVersion?: 4 | 5; readonly will?: boolean } = {},
): Promise<Victim> {
  const { protocolVersion = 5, will = true } = options;
  const topic = `echolot/v1/agents/${id}/status`;
  const payload = statusOf(id, { state: 'offline', reason: 'connection lost' });
  const client = mqtt.connect(serving.url, {
    clientId: id,
    username: id,
    password: await serving.credentials(id, 'predictor'),
    clean: false,
    protocolVersion,
    reconnectPeriod: 0,
    ...(protocolVersion === 5 && { properties: { sessionExpiryInterval: 300 } }),
    ...(will && { will: { topic, payload, qos: 1 as const, retain: true } }),
  });
  // No acknowledgement leaves.
  client.handleMessage = (_, done) => done(new Error('held'));
  client.on('error', () => {});
  await new Promise<void>((resolve) => client.once('connect', () => resolve()));
  await client.subscribeAsync(SHARE, { qos: 1 });
  await client.publishAsync(topic, statusOf(id), { qos: 1, retain: true });
  return {
    die() {
      client.stream.destroy();
      client.end(true);
    },
  };
}

/** A client that asks and counts, and sees what adopters say. */
export async function startAsking(serving: Serving) {
  const operator = await serving.connect('operator-1');
  const heard = new Inbox(operator);
  await operator.subscribeAsync('echolot/v1/agents/+/adopting', { qos: 1 });
  const client = await serving.connect('buoy-7');
  const replies = new Inbox(client);
  await client.subscribeAsync('echolot/v1/replies/buoy-7/+', { qos: 1 });
  let serial = 0;
  const announced = (messages: Inbox['messages'] = heard.messages): Adopting[] =>
    messages.flatMap(({ payload }) => decodeAdopting(payload) ?? []);
  const answered = (messages: Inbox['messages']) =>
    new Set(messages.map(({ payload }) => decodeAnswer(payload)?.id));
  return {
    client,
    operator,
    announced,
    async ask(count: number): Promise<void> {
      const ids = Array.from({ length: count }, (_, index) => `r-${serial + index + 1}`);
      serial += count;
      await Promise.all(
        ids.map((id) => {
          const payload = JSON.stringify({ id, values: VALUES });
          return client.publishAsync('echolot/v1/readings/buoy-7/sonar', payload, { qos: 1 });
        }),
      );
    },
    async allAnswered(): Promise<void> {
      await replies.until((messages) => answered(messages).size === serial);
    },
    /** Waits until so many are answered by this agent. */
    async answeredBy(agent: string, count: number): Promise<void> {
      await replies.until((messages) => {
        const answers = messages.map(({ payload }) => decodeAnswer(payload));
        const own = answers.filter((answer) => answer?.agent === agent);
        return new Set(own.map((answer) => answer?.id)).size >= count;
      });
    },
    /** Says in another's name that it adopts. */
    async announce(by: string, absent: { agent: string; epoch: string }): Promise<void> {
      const at = new Date().toISOString();
      const said: Adopting = {
        state: 'started',
        reason: 'away',
        adopter: by,
        ...absent,
        at,
        readings: 0,
      };
      const topic = `echolot/v1/agents/${by}/adopting`;
      await operator.publishAsync(topic, encodeMessage(said, 'json'), { qos: 1 });
    },
    /** Waits until the last word of this agent is that it serves. */
    async untilOnline(agent: string): Promise<void> {
      await operator.subscribeAsync(`echolot/v1/agents/${agent}/status`, { qos: 1 });
      await heard.until((messages) => {
        const statuses = messages.flatMap(({ payload }) => decodeStatus(payload) ?? []);
        return statuses.findLast((status) => status.agent === agent)?.state === 'online';
      });
    },
    async heardUntil(isEnough: (all: Adopting[]) => boolean): Promise<void> {
      await heard.until((messages) => isEnough(announced(messages)));
    },
    /** Waits for an announcement of this state about this agent. */
    async heard(agent: string, state: Adopting['state']): Promise<Adopting> {
      const match = (one: Adopting) => one.agent === agent && one.state === state;
      const all = announced(await heard.until((messages) => announced(messages).some(match)));
      return all.find(match) as Adopting;
    },
  };
}

/** True where the broker has kept a session of this id; it is not ended by the question. */
export async function hasSession(
  url: string,
  clientId: string,
  login: { username?: string; password?: string } = {},
): Promise<boolean> {
  const client: MqttClient = mqtt.connect(url, {
    clientId,
    clean: false,
    protocolVersion: 4,
    reconnectPeriod: 0,
    ...login,
  });
  client.handleMessage = (_, done) => done(new Error('held'));
  const isPresent = await new Promise<boolean>((resolve, reject) => {
    client.once('connect', ({ sessionPresent }) => resolve(sessionPresent));
    client.once('error', reject);
  });
  await client.endAsync(true);
  return isPresent;
}
