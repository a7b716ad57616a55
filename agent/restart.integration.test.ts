// The broker goes and comes back: an agent answers again without being restarted.
import mqtt from 'mqtt';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { freePort, startMosquitto } from '../bus/mosquitto.fixture.ts';
import { loadBundle } from '../models/bundle.ts';
import { decodeAnswer } from '../schemas/encode.ts';
import { startAgent } from './agent.ts';
import { createOnnxClassifier } from './onnx-classifier.ts';
import { Inbox, MODEL_FOLDER, VALUES } from './serving.fixture.ts';

async function agentOn(url: string, lines: string[]) {
  return startAgent({
    agentId: 'edge-1',
    bus: { url },
    classifiers: [await createOnnxClassifier(await loadBundle(MODEL_FOLDER))],
    namespace: 'echolot',
    group: 'predictors',
    log: pino({ level: 'info' }, { write: (line: string) => void lines.push(line) }),
  });
}

/** Asks under fresh ids until an answer comes: what was asked while nobody listened may be lost. */
async function ask(url: string): Promise<string> {
  const client = await mqtt.connectAsync(url, { clientId: 'buoy-7', reconnectPeriod: 50 });
  const inbox = new Inbox(client);
  await client.subscribeAsync('echolot/v1/replies/buoy-7/+', { qos: 1 });
  let serial = 0;
  const timer = setInterval(() => {
    serial += 1;
    const payload = JSON.stringify({ id: `r-${serial}`, values: VALUES });
    client.publish('echolot/v1/readings/buoy-7/sonar', payload, { qos: 1 });
  }, 50);
  const [first] = await inbox.until(({ length }) => length > 0);
  clearInterval(timer);
  await client.endAsync(true);
  const answer = decodeAnswer(first?.payload ?? Buffer.alloc(0));
  return answer && 'label' in answer ? answer.agent : 'nobody';
}

describe('an agent', () => {
  it.each(['pause', 'kill'] as const)(
    'answers again after its Mosquitto with persistence was gone (%s)',
    async (end) => {
      const mosquitto = await startMosquitto({
        config: ['persistence true', 'autosave_interval 1'],
      });
      const lines: string[] = [];
      const agent = await agentOn(mosquitto.url, lines);
      try {
        await agent.ready;
        expect(await ask(mosquitto.url)).toBe('edge-1');
        for (let round = 0; round < 2; round += 1) {
          await mosquitto[end]();
          await mosquitto.start();
          expect(await ask(mosquitto.url)).toBe('edge-1');
        }
        const lost = lines.filter((line) => line.includes('connection lost'));
        expect(lost).toHaveLength(2);
      } finally {
        await agent.stop({ timeoutMs: 1000 });
        await mosquitto.stop();
      }
    },
  );

  it('answers on its return what its session kept for it', async () => {
    const mosquitto = await startMosquitto();
    const client = await mqtt.connectAsync(mosquitto.url, { clientId: 'buoy-7' });
    try {
      const first = await agentOn(mosquitto.url, []);
      await first.ready;
      await first.stop({ keepSession: true });
      const inbox = new Inbox(client);
      await client.subscribeAsync('echolot/v1/replies/buoy-7/+', { qos: 1 });
      const ids = ['r-1', 'r-2', 'r-3'];
      for (const id of ids) {
        const payload = JSON.stringify({ id, values: VALUES });
        await client.publishAsync('echolot/v1/readings/buoy-7/sonar', payload, { qos: 1 });
      }
      const second = await agentOn(mosquitto.url, []);
      await second.ready;
      await second.stop();
      // Answers stand before this fence, which goes the same way.
      await client.publishAsync('echolot/v1/replies/buoy-7/fence', '{}', { qos: 1 });
      const messages = await inbox.until((all) => all.some(({ topic }) => topic.endsWith('fence')));
      const answered = messages.map(({ payload }) => decodeAnswer(payload)?.id).filter(Boolean);
      expect(answered).toEqual(ids);
    } finally {
      await client.endAsync(true);
      await mosquitto.stop();
    }
  });

  it('sends back what its session brings for a model of a former life, and leaves that share', async () => {
    const mosquitto = await startMosquitto();
    const former = await mqtt.connectAsync(mosquitto.url, { clientId: 'edge-1', clean: false });
    const share = '$share/predictors/echolot/v1/readings/+/other';
    await former.subscribeAsync(share, { qos: 1 });
    await former.endAsync();
    const client = await mqtt.connectAsync(mosquitto.url, { clientId: 'buoy-7' });
    const agent = await agentOn(mosquitto.url, []);
    try {
      const inbox = new Inbox(client);
      await client.subscribeAsync('echolot/v1/replies/buoy-7/+', { qos: 1 });
      const asked = async (id: string) => {
        const payload = JSON.stringify({ id, values: [0.5, 0.5] });
        await client.publishAsync('echolot/v1/readings/buoy-7/other', payload, { qos: 1 });
      };
      await agent.ready;
      await asked('r-1');
      const [first] = await inbox.until(({ length }) => length > 0);
      expect(decodeAnswer(first?.payload ?? Buffer.alloc(0))).toMatchObject({
        id: 'r-1',
        problem: { code: 'OVERLOADED', retryAfterMs: 1000 },
      });
      // Its answer to this leaves behind its farewell to the share.
      await client.subscribeAsync('echolot/v1/replies/edge-1/self-check', { qos: 1 });
      await client.publishAsync('echolot/v1/readings/edge-1/self-check', '{}', { qos: 1 });
      await inbox.until((all) => all.some(({ topic }) => topic.endsWith('self-check')));
      const serving = await mqtt.connectAsync(mosquitto.url, { clientId: 'edge-2' });
      const taken = new Inbox(serving);
      await serving.subscribeAsync(share, { qos: 1 });
      for (const id of ['r-2', 'r-3', 'r-4']) await asked(id);
      await taken.until(({ length }) => length === 3);
      await serving.endAsync(true);
    } finally {
      await agent.stop({ timeoutMs: 1000 });
      await client.endAsync(true);
      await mosquitto.stop();
    }
  });

  it('waits for a broker that is not there yet, says so once, and serves when it comes', async () => {
    const port = await freePort();
    const lines: string[] = [];
    const agent = await agentOn(`mqtt://127.0.0.1:${port}`, lines);
    while (!lines.some((line) => line.includes('broker unreachable'))) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const mosquitto = await startMosquitto({ port });
    try {
      await agent.ready;
      expect(await ask(mosquitto.url)).toBe('edge-1');
      expect(lines.filter((line) => line.includes('broker unreachable'))).toHaveLength(1);
    } finally {
      await agent.stop({ timeoutMs: 1000 });
      await mosquitto.stop();
    }
  });
});
