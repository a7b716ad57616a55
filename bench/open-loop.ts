// Readings at a fixed rate, whether answers come or not: how long each takes from when it was due.
import type { BrokerName } from './brokers.ts';
import type { Bar, Figure, PartResult } from './figures.ts';
import { Question } from './questions.ts';
import { agent, bare } from './responders.ts';
import { Rig } from './rig.ts';
import { compare, type Part, sampleRounds } from './runner.ts';

const CASES = [
  { clients: 1, ratePerSecond: 100 },
  { clients: 1, ratePerSecond: 1000 },
  { clients: 1, ratePerSecond: 10_000 },
  { clients: 1000, ratePerSecond: 1000 },
] as const;
/** Promised on the embedded broker at 1,000 readings a second. */
const BAR: Bar = { atMost: 1.5 };
const BAR_RATE = 1000;

export const openLoop: Part = {
  name: 'open-loop',
  about: 'latency at 100, 1,000 and 10,000 readings/s from one client, 1,000/s from 1,000 clients',
  async run({ brokers, quick }) {
    const results: PartResult[] = [];
    for (const broker of brokers) results.push(await benchBroker(broker, quick));
    return results;
  },
};

async function benchBroker(broker: BrokerName, quick: boolean): Promise<PartResult> {
  const title = `Open loop: JSON, QoS 1, ${broker}`;
  const responders = [agent(), bare];
  const rig = await Rig.start(broker, responders, { clients: 1000 });
  const figures: Figure[] = [];
  try {
    await rig.serve(responders);
    await rig.warmUp(responders, quick);
    for (const { clients, ratePerSecond } of CASES) {
      const crowd = clients === 1 ? rig.load : await rig.crowdOf(clients);
      const durationMs = quick ? 500 : 3000;
      const what = `${ratePerSecond}/s from ${clients === 1 ? 'one client' : `${clients} clients`}`;
      const samples = await sampleRounds(rig, `${title}, ${what}`, quick ? 3 : 7, responders, {
        question: ({ model }) => new Question(model, 1),
        run: (question) => crowd.runOpen(question, { ratePerSecond, durationMs }),
        picks: [({ p50Us }) => p50Us, ({ p99Us }) => p99Us],
      });
      const bar = broker === 'embedded' && ratePerSecond === BAR_RATE ? BAR : undefined;
      figures.push(
        ...compare({ what: `${what}, p50`, unit: 'ms' }, samples, (one) => one.p50Us / 1000, bar),
        ...compare({ what: `${what}, p99`, unit: 'ms' }, samples, (one) => one.p99Us / 1000, bar),
      );
    }
  } finally {
    await rig.stop();
  }
  return { part: 'open-loop', title, figures, missing: [] };
}
