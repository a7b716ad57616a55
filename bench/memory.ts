// Resident memory of the agent, its children included: idle, and at its highest under full load.
import { setTimeout as sleep } from 'node:timers/promises';
import type { BrokerName } from './brokers.ts';
import { type Bar, type Figure, figureOf, type PartResult } from './figures.ts';
import { residentBytesOf } from './process-cost.ts';
import { Question } from './questions.ts';
import { agent, bare, naive, type Responder } from './responders.ts';
import { Rig } from './rig.ts';
import type { Part } from './runner.ts';

const MB = 1e6;
const LOOK_EVERY_MS = 100;
const IDLE: Bar = { atMost: 140 };
const LOADED: Bar = { atMost: 200 };

export const memory: Part = {
  name: 'memory',
  about: 'resident memory of the agent, idle and under full load',
  async run({ brokers, quick }) {
    const results: PartResult[] = [];
    for (const broker of brokers) results.push(await benchBroker(broker, quick));
    return results;
  },
};

/** Each responder is started afresh for each round. */
async function benchBroker(broker: BrokerName, quick: boolean): Promise<PartResult> {
  const title = `Memory: ${broker}`;
  const responders = [agent(), bare, naive];
  const rig = await Rig.start(broker, responders);
  const figures: Figure[] = [];
  try {
    for (const responder of responders) {
      const idle: number[] = [];
      const loaded: number[] = [];
      for (let round = 0; round < (quick ? 1 : 3); round += 1) {
        await rig.serve([responder]);
        await sleep(quick ? 500 : 2000);
        idle.push((await residentBytesOf(rig.pidOf(responder))) / MB);
        loaded.push((await highestUnderLoad(rig, responder, quick ? 1000 : 6000)) / MB);
        await rig.remove(responder);
      }
      const about = { who: responder.title, unit: 'MB' } as const;
      const isOurs = responder === responders[0];
      figures.push(
        figureOf({ ...about, what: 'idle', values: idle }, null, isOurs ? IDLE : undefined),
        figureOf({ ...about, what: 'loaded', values: loaded }, null, isOurs ? LOADED : undefined),
      );
    }
  } finally {
    await rig.stop();
  }
  return { part: 'memory', title, figures, missing: [] };
}

/** At QoS 1 and a window of 256, which is as much as one client can have answered. */
async function highestUnderLoad(
  rig: Rig,
  responder: Responder,
  durationMs: number,
): Promise<number> {
  const pid = rig.pidOf(responder);
  const question = new Question(responder.model, 1);
  let isOver = false;
  const loading = rig.load.run(question, { window: 256, durationMs }).finally(() => {
    isOver = true;
  });
  let highest = 0;
  while (!isOver) {
    highest = Math.max(highest, await residentBytesOf(pid));
    await sleep(LOOK_EVERY_MS);
  }
  await loading;
  return highest;
}
