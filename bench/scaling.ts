// How throughput grows with the number of agents, and latency with the rate.
import type { BrokerName } from './brokers.ts';
import { type Figure, figureOf, type PartResult } from './figures.ts';
import { Question } from './questions.ts';
import { agent } from './responders.ts';
import { Rig } from './rig.ts';
import { measured, type Part, runRounds, sample } from './runner.ts';

const AGENTS = [1, 2, 3, 4];
const RATES = [500, 1000, 2000, 4000, 8000, 16_000];

export const scaling: Part = {
  name: 'scaling',
  about: 'readings a second with 1 to 4 agents, latency at 500 to 16,000 readings/s',
  async run({ brokers, quick }) {
    const results: PartResult[] = [];
    for (const broker of brokers) {
      const agents = AGENTS.map((serial) => agent(serial));
      const rig = await Rig.start(broker, agents, { clients: 1 });
      try {
        const [first] = await rig.serve(agents.slice(0, 1));
        if (!first) continue;
        await rig.warmUp([first], quick);
        results.push(await benchRates(broker, rig, rig.pidOf(first), quick));
        results.push(await benchAgents(broker, rig, quick));
      } finally {
        await rig.stop();
      }
    }
    return results;
  },
};

async function benchRates(
  broker: BrokerName,
  rig: Rig,
  pid: number,
  quick: boolean,
): Promise<PartResult> {
  const title = `Scaling over the rate: JSON, QoS 1, open loop, one client, ${broker}`;
  const question = new Question('sonar', 1);
  const durationMs = quick ? 300 : 2000;
  const samples = await runRounds(title, quick ? 2 : 5, RATES, (ratePerSecond) =>
    sample(pid, question, () => rig.load.runOpen(question, { ratePerSecond, durationMs })),
  );
  const figures = [...samples].flatMap(([rate, own]): Figure[] => {
    const about = (what: string, unit: Figure['unit']) => {
      return { what: `${rate}/s, ${what}`, who: 'echolot agent', unit };
    };
    return [
      figureOf(measured(about('answered', 'readings/s'), own, ({ perSecond }) => perSecond)),
      figureOf(measured(about('p50', 'ms'), own, ({ p50Us }) => p50Us / 1000)),
      figureOf(measured(about('p99', 'ms'), own, ({ p99Us }) => p99Us / 1000)),
    ];
  });
  return { part: 'scaling', title, figures, missing: [] };
}

/** Rounds follow each other here, since agents come and do not go. */
async function benchAgents(broker: BrokerName, rig: Rig, quick: boolean): Promise<PartResult> {
  const title = `Scaling over agents: JSON, QoS 1, window 256, ${broker}`;
  const figures: Figure[] = [];
  const question = new Question('sonar', 1);
  for (const count of AGENTS) {
    const next = agent(count);
    if (count > 1) {
      await rig.add(next);
      await rig.untilOnline(next);
    }
    const values: number[] = [];
    for (let round = 0; round < (quick ? 2 : 5); round += 1) {
      const { answered, durationMs } = await rig.load.run(question, {
        window: 256,
        durationMs: quick ? 300 : 1000,
      });
      values.push((answered * 1000) / durationMs);
    }
    const what = `agents: ${count}`;
    figures.push(figureOf({ what, who: 'echolot agent', unit: 'readings/s', values }));
  }
  return { part: 'scaling', title, figures, missing: [] };
}
