// Shows that several processes of one model compute at once, and that each dies for itself.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Bundle } from '../models/bundle.ts';
import { type Classifier, WorkerDiedError } from './classifier.ts';
import { CRASH, HANG, inGuilty } from './guilty-worker.fixture.ts';
import { isAlive } from './is-alive.ts';
import type { WorkerEvent } from './restarting-worker.ts';
import { createWorkerClassifier, type WorkerOptions } from './worker-classifier.ts';

let events: WorkerEvent[];
let classifiers: Classifier[];

beforeEach(() => {
  events = [];
  classifiers = [];
});
afterEach(async () => {
  await Promise.all(classifiers.map((classifier) => classifier.close()));
});

async function start(bundle: Bundle, options: WorkerOptions): Promise<Classifier> {
  const onEvent = (event: WorkerEvent) => events.push(event);
  const classifier = await createWorkerClassifier(bundle, { ...options, workers: 2, onEvent });
  classifiers.push(classifier);
  return classifier;
}

const classify = (classifier: Classifier, first = 0.1) =>
  classifier.classify(Float32Array.from([first, 0.2, 0.3, 0.4]), 1);

async function untilKind(kind: WorkerEvent['kind'], count = 1): Promise<void> {
  while (events.filter((one) => one.kind === kind).length < count) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe('several processes', () => {
  const states = (classifier: Classifier) =>
    classifier.describeWorkers?.().map(({ state }) => state);

  it('compute at once: one that hangs holds up no run of another', async () => {
    await inGuilty(async ({ options, bundle, lives }) => {
      const classifier = await start(bundle, { ...options, timeoutMs: 60_000 });
      const hanging = classify(classifier, HANG).catch((error: unknown) => error);
      for (let run = 0; run < 5; run += 1) expect(await classify(classifier)).toHaveLength(2);
      expect(states(classifier)).toEqual(['busy', 'free']);
      expect(classifier.describeWorkers?.().map(({ rows }) => rows)).toEqual([0, 5]);
      expect(new Set(classifier.describeWorkers?.().map(({ pid }) => pid))).toEqual(
        new Set(await lives()),
      );
      await classifier.close();
      expect(await hanging).toBeInstanceOf(WorkerDiedError);
    });
  });

  it('serve as long as one of them does', async () => {
    await inGuilty(async ({ options, bundle, breakLoading }) => {
      const classifier = await start(bundle, options);
      await breakLoading('yes');
      await expect(classify(classifier, CRASH)).rejects.toBeInstanceOf(WorkerDiedError);
      expect([...(await classify(classifier))]).toEqual([0.5, 0.5]);
      await untilKind('down');
      expect(states(classifier)).toEqual(['down', 'free']);
      expect([...(await classify(classifier))]).toEqual([0.5, 0.5]);
      await expect(classify(classifier, CRASH)).rejects.toBeInstanceOf(WorkerDiedError);
      await expect(classify(classifier)).rejects.toThrow("the model's process does not start");
      await breakLoading('no');
      await untilKind('started');
      expect([...(await classify(classifier))]).toEqual([0.5, 0.5]);
      expect(classifier.describeWorkers?.().map(({ deaths }) => deaths)).toEqual([1, 1]);
    });
  });

  it('are waited for again, once they are back', async () => {
    await inGuilty(async ({ options, bundle, breakLoading }) => {
      const classifier = await start(bundle, options);
      const crash = () => expect(classify(classifier, CRASH)).rejects.toThrow('SIGSEGV');
      await breakLoading('yes');
      await Promise.all([crash(), crash()]);
      await expect(classify(classifier)).rejects.toThrow("the model's process does not start");
      await breakLoading('no');
      await untilKind('started', 2);
      await Promise.all([crash(), crash()]);
      expect([...(await classify(classifier))]).toEqual([0.5, 0.5]);
    });
  });

  it('are all gone where one of them cannot be started', async () => {
    await inGuilty(async ({ options, bundle, breakLoading, lives }) => {
      await breakLoading('all but the first');
      const refused = start(bundle, options);
      await expect(refused).rejects.toMatchObject({ code: 'BUNDLE_REFUSED' });
      expect(await lives()).toHaveLength(2);
      for (const pid of await lives()) expect(isAlive(pid)).toBe(false);
    });
  });
});
