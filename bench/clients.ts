// The same amount of readings on their way, from 1, 100 and 1,000 clients.
import type { BrokerName } from './brokers.ts';
import type { Figure, PartResult } from './figures.ts';
import { Question } from './questions.ts';
import { agent, bare } from './responders.ts';
import { Rig } from './rig.ts';
import { compare, type Part, sampleRounds } from './runner.ts';

const CASES = [
  { clients: 1, window: 1000 },
  { clients: 100, window: 10 },
  { clients: 1000, window: 1 },
] as const;

export const clients: Part = {
  name: 'clients',
  about: 'readings a second from 1, 100 and 1,000 clients, 1,000 readings on their way',
  async run({ brokers, quick }) {
    const results: PartResult[] = [];
    for (const broker of brokers) results.push(await benchBroker(broker, quick));
    return results;
  },
};

async function benchBroker(broker: BrokerName, quick: boolean): Promise<PartResult> {
  const title = `Clients: JSON, QoS 1, 1,000 readings on their way, ${broker}`;
  const responders = [agent(), bare];
  const rig = await Rig.start(broker, responders, { clients: 1000 });
  const figures: Figure[] = [];
  try {
    await rig.serve(responders);
    await rig.warmUp(responders, quick);
    for (const { clients: count, window } of CASES) {
      const crowd = count === 1 ? rig.load : await rig.crowdOf(count);
      const durationMs = quick ? 500 : 1500;
      const what = `clients: ${count}, window ${window} each`;
      const samples = await sampleRounds(rig, `${title}, ${what}`, quick ? 3 : 9, responders, {
        question: ({ model }) => new Question(model, 1),
        run: (question) => crowd.run(question, { window, durationMs }),
        picks: [({ perSecond }) => perSecond],
      });
      if (crowd !== rig.load) crowd.close();
      figures.push(
        ...compare({ what, unit: 'readings/s' }, samples, ({ perSecond }) => perSecond),
        ...compare({ what: `${what}, p99`, unit: 'ms' }, samples, ({ p99Us }) => p99Us / 1000),
      );
    }
  } finally {
    await rig.stop();
  }
  return { part: 'clients', title, figures, missing: [] };
}
