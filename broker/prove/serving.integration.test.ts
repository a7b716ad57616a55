// A proof of a broker that serves: real readings are answered meanwhile, and the agent sees none of the probes'.
import { afterEach, describe, expect, it } from 'vitest';
import { VALUES } from '../../agent/serving.fixture.ts';
import { decodeAnswer, decodeStats } from '../../schemas/encode.ts';
import { type Kind, type Scene, startScene } from '../intruder.fixture.ts';
import { proofOf, told } from './prove.fixture.ts';

const R = 'echolot/v1';
let scene: Scene;
afterEach(() => scene.stop());

describe.each<Kind>(['embedded', 'mosquitto'])(
  'a proof of the %s broker while it serves',
  (kind) => {
    it('takes no reading from the agent and sends it none', async () => {
      scene = await startScene(kind, 4);
      const { client, inbox } = await scene.connect('victim');
      await client.subscribeAsync(`${R}/replies/victim/+`, { qos: 1 });
      let asked = 0;
      const ask = async () => {
        asked += 1;
        const reading = JSON.stringify({ id: `r-${asked}`, values: VALUES });
        await client.publishAsync(`${R}/readings/victim/sonar`, reading, { qos: 1 });
        await inbox.until(({ length }) => length >= asked);
      };
      let isOver = false;
      const proof = proofOf(scene.innerUrl, scene.store).finally(() => {
        isOver = true;
      });
      while (!isOver) await ask();
      expect(told((await proof).findings)).toEqual([]);
      expect(asked).toBeGreaterThan(10);
      const answers = inbox.messages.map(({ payload }) => decodeAnswer(payload));
      expect(answers.map((answer) => answer?.id)).toEqual(
        Array.from({ length: asked }, (_, index) => `r-${index + 1}`),
      );
      expect(answers.filter((answer) => answer && 'problem' in answer)).toEqual([]);
      // What the agent has counted once it has told of all of them.
      const operator = await scene.connect('op');
      await operator.client.subscribeAsync(`${R}/agents/edge-1/stats`, { qos: 0 });
      const received = ({ payload }: { payload: Buffer }) => decodeStats(payload)?.received ?? 0;
      const stats = await operator.inbox.until((all) =>
        all.some((each) => received(each) >= asked),
      );
      expect(Math.max(...stats.map(received))).toBe(asked);
    });
  },
);
