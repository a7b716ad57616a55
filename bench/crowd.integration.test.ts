import mqtt, { type MqttClient } from 'mqtt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Mosquitto, startMosquitto } from '../bus/mosquitto.fixture.ts';
import { Crowd } from './crowd.ts';
import { Question } from './questions.ts';

const LOGINS = ['c-0', 'c-1', 'c-2'].map((name) => ({ name, password: 'any' }));

let broker: Mosquitto;
let responder: MqttClient;
let crowd: Crowd;
/** How the responder answers each reading, in order from 1; `null` for not at all. */
let answerTo: (count: number, id: string) => string | null;
let count = 0;
/** How often each answer comes. */
let copies = 1;
/** Until then answers wait. */
let stall: Promise<void> = Promise.resolve();

const prediction = (id: string) => JSON.stringify({ id, label: 'metal' });
const problem = (id: string) => JSON.stringify({ id, problem: { code: 'OVERLOADED' } });

beforeAll(async () => {
  broker = await startMosquitto();
  responder = await mqtt.connectAsync(broker.url);
  responder.on('message', (topic, payload) => {
    count += 1;
    const { id } = JSON.parse(payload.toString()) as { id: string };
    const answer = answerTo(count, id);
    if (answer === null) return;
    void stall.then(() => {
      for (let copy = 0; copy < copies; copy += 1) {
        responder.publish(topic.replace('/readings/', '/replies/'), answer);
      }
    });
  });
  await responder.subscribeAsync('echolot/v1/readings/+/echo');
  crowd = await Crowd.connect(broker.url, LOGINS);
});

afterAll(async () => {
  crowd.close();
  await responder.endAsync();
  await broker.stop();
});

describe('a crowd', () => {
  it('counts each answer once, and those after the time apart', async () => {
    answerTo = (_count, id) => prediction(id);
    copies = 2;
    const before = count;
    const outcome = await crowd.run(new Question('echo', 1), { window: 4, durationMs: 300 });
    copies = 1;
    expect(outcome.answered).toBeGreaterThan(0);
    expect(outcome.answered).toBeLessThanOrEqual(outcome.answeredAtLast);
    expect(outcome.answeredAtLast).toBe(count - before);
    expect(outcome.answeredAtLast - outcome.answered).toBeLessThanOrEqual(4 * LOGINS.length);
    expect(outcome.latencies.count).toBe(outcome.answeredAtLast);
    expect(outcome).toMatchObject({ refused: 0, lost: 0 });
  });

  it('tells refusals and readings that nobody answered from answers', async () => {
    const fates = [prediction, problem, () => null];
    answerTo = (serial, id) => fates[serial % 3]?.(id) ?? null;
    const before = count;
    const outcome = await crowd.run(new Question('echo', 0), { window: 8, durationMs: 300 });
    const { answeredAtLast, lost, refused } = outcome;
    expect(answeredAtLast + lost + refused).toBe(count - before);
    expect(Math.abs(answeredAtLast - refused)).toBeLessThanOrEqual(1);
    // Each of those takes a place of a window for good.
    expect(lost).toBeGreaterThan(0);
    expect(lost).toBeLessThanOrEqual(8 * LOGINS.length);
  });

  it('charges a stall to every reading that was due in it, in an open loop', async () => {
    let isFirst = true;
    answerTo = (_count, id) => {
      if (isFirst) {
        stall = new Promise((resolve) => {
          setTimeout(resolve, 400);
        });
      }
      isFirst = false;
      return prediction(id);
    };
    const load = { ratePerSecond: 100, durationMs: 800 };
    const { latencies, lost } = await crowd.runOpen(new Question('echo', 0), load);
    expect(lost).toBe(0);
    // 40 of the 80 readings were due in the stall, 20 of them at least 200 ms before its end.
    expect(latencies.max).toBeGreaterThan(350_000);
    expect(latencies.percentile(80)).toBeGreaterThan(150_000);
  });

  it('charges its own lateness too, and tells it', async () => {
    let isFirst = true;
    answerTo = (_count, id) => {
      const untilMs = performance.now() + (isFirst ? 300 : 0);
      isFirst = false;
      while (performance.now() < untilMs);
      return prediction(id);
    };
    const load = { ratePerSecond: 100, durationMs: 800 };
    const { lateness, latencies } = await crowd.runOpen(new Question('echo', 0), load);
    expect(lateness.max).toBeGreaterThan(250_000);
    expect(latencies.max).toBeGreaterThanOrEqual(lateness.max);
  });

  it('waits for the first answer', async () => {
    let silent = 3;
    answerTo = (_count, id) => (silent-- > 0 ? null : prediction(id));
    await crowd.untilServed(new Question('echo', 0), 5);
    expect(silent).toBeLessThan(0);
  });

  it('takes no late answer to an earlier question for the first one', async () => {
    let release: () => void = () => undefined;
    stall = new Promise((resolve) => {
      release = resolve;
    });
    answerTo = (_count, id) => prediction(id);
    const served = () => crowd.untilServed(new Question('echo', 0), 5, 200);
    await expect(served()).rejects.toThrow('nobody serves echo');
    answerTo = () => null;
    release();
    await expect(served()).rejects.toThrow('nobody serves echo');
  });
});
