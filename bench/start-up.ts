// From the start of a process to its first answer: the agent beside a bare script with MQTT.js and onnxruntime.
import { type Bar, figureOf, type PartResult } from './figures.ts';
import { Question } from './questions.ts';
import { agent, naive, type Responder } from './responders.ts';
import { Rig } from './rig.ts';
import { type Part, runRounds } from './runner.ts';

const BAR: Bar = { atMost: 3 };
/** How often the load asks until somebody is there: how exact the time is. */
const ASK_EVERY_MS = 5;

export const startUp: Part = {
  name: 'start-up',
  about: 'seconds from the start of the agent to its first answer',
  async run({ brokers, quick }) {
    const results: PartResult[] = [];
    for (const broker of brokers) {
      const title = `Start-up to the first answer: ${broker}`;
      const responders = [agent(), naive];
      const rig = await Rig.start(broker, responders);
      try {
        const rounds = quick ? 3 : 11;
        const samples = await runRounds(title, rounds, responders, (one) => secondsOf(rig, one));
        const [ours, theirs] = responders.map(({ title: who }, index) => {
          const values = samples.get(responders[index] as Responder) ?? [];
          return { what: 'first answer', who, unit: 's' as const, values };
        });
        if (!ours || !theirs) continue;
        const figures = [figureOf(ours, theirs, BAR), figureOf(theirs)];
        results.push({ part: 'start-up', title, figures, missing: [] });
      } finally {
        await rig.stop();
      }
    }
    return results;
  },
};

async function secondsOf(rig: Rig, responder: Responder): Promise<number> {
  const startMs = performance.now();
  await rig.add(responder);
  // Of QoS 0, so that nobody keeps them for who is not there.
  await rig.load.untilServed(new Question(responder.model, 0), ASK_EVERY_MS);
  const seconds = (performance.now() - startMs) / 1000;
  await rig.remove(responder);
  return seconds;
}
