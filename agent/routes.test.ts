// Routes: a reading's topic leads to one client, one lane and one reply topic, and to nothing else.
import { describe, expect, it } from 'vitest';
import { Books } from './books.ts';
import type { Classifier } from './classifier.ts';
import { Lane } from './lane.ts';
import { Routes } from './routes.ts';

const classifier: Classifier = {
  model: { name: 'toy', version: '1.0.0', digest: `sha256:${'0'.repeat(64)}`, runtime: 'onnx' },
  limits: { width: 1, minimum: 0, maximum: 1 },
  labels: ['high', 'low'],
  classify: () => Promise.resolve(new Float32Array(2)),
  close: () => Promise.resolve(),
};
const lane = new Lane({
  classifier,
  limits: { rows: 1, bytes: 1 },
  batchRows: 1,
  books: new Books(0),
  clock: () => 0,
});
const routes = new Routes('edge-1', 'echolot', new Map([['toy', lane]]));

describe('routes', () => {
  it('lead from the topic to its client, lane and reply topic, the second time too', () => {
    for (let time = 0; time < 2; time += 1) {
      expect(routes.find('echolot/v1/readings/buoy-7/toy')).toMatchObject({
        client: 'buoy-7',
        lane,
        replyTopic: 'echolot/v1/replies/buoy-7/toy',
      });
    }
  });

  it.each([
    'echolot/v1/readings/buoy-7/other',
    'echolot/v1/replies/buoy-7/toy',
    'other/v1/readings/buoy-7/toy',
    'echolot/v1/readings/buoy+7/toy',
    'echolot/v1/readings/buoy-7/toy/more',
    '',
  ])('lead nowhere from %j', (topic) => {
    expect(routes.find(topic)).toBeNull();
  });

  it('stay right when more clients come than are remembered', () => {
    for (let index = 0; index < 20_001; index += 1) {
      const route = routes.find(`echolot/v1/readings/c-${index}/toy`);
      if (route?.replyTopic !== `echolot/v1/replies/c-${index}/toy`) expect.fail(`client ${index}`);
    }
    expect(routes.find('echolot/v1/readings/c-0/toy')?.client).toBe('c-0');
  });
});
