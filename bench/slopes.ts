// Whether cost grows faster than the work: processor time over readings, batch size and connected clients.
import { type Bar, type Figure, figureOf, type PartResult } from './figures.ts';
import { cpuSecondsOf } from './process-cost.ts';
import { Question } from './questions.ts';
import { agent } from './responders.ts';
import { Rig } from './rig.ts';
import { type Part, runRounds, sample } from './runner.ts';
import { logLogSlope } from './statistics.ts';

const BAR: Bar = { atMost: 1.1 };
const RATE = 2000;
const BATCHES = [16, 64, 256, 1024];
/** The embedded broker takes 10,000 connections, the agent's and the load's own among them. */
const CROWDS = [10, 100, 1000, 9990];

/** Processor time in milliseconds, for each amount of work. */
type Costs = ReadonlyMap<number, readonly number[]>;

export const slopes: Part = {
  name: 'slopes',
  about:
    'log-log slopes of cost over readings, batch size and up to 9,990 clients (embedded broker)',
  async run({ brokers, quick }) {
    if (!brokers.includes('embedded')) return [];
    const responder = agent();
    const crowds = quick ? CROWDS.slice(0, 3) : CROWDS;
    const rig = await Rig.start('embedded', [responder], { clients: Math.max(...crowds) });
    try {
      await rig.serve([responder]);
      await rig.warmUp([responder], quick);
      const pid = rig.pidOf(responder);
      const rounds = quick ? 2 : 5;
      const figures = [
        ...figuresOf('readings', await overReadings(rig, pid, rounds, quick)),
        ...figuresOf('rows in a batch', await overBatches(rig, pid, rounds, quick)),
        ...figuresOf('connected clients', await overClients(rig, pid, crowds, rounds, quick)),
      ];
      const title = 'Cost over work: processor time, embedded broker';
      return [{ part: 'slopes', title, figures, missing: [] } satisfies PartResult];
    } finally {
      await rig.stop();
    }
  },
};

/** Milliseconds of the agent for so many readings, which come at a fixed rate. */
function overReadings(rig: Rig, pid: number, rounds: number, quick: boolean): Promise<Costs> {
  const counts = quick ? [500, 1000, 2000] : [1000, 2000, 4000, 8000];
  const question = new Question('sonar', 1);
  return runRounds('cost over readings', rounds, counts, async (count) => {
    const durationMs = (count * 1000) / RATE;
    const run = () => rig.load.runOpen(question, { ratePerSecond: RATE, durationMs });
    return (count * (await sample(pid, question, run)).cpuUs) / 1000;
  });
}

/** Milliseconds of the agent for one message with so many rows. */
function overBatches(rig: Rig, pid: number, rounds: number, quick: boolean): Promise<Costs> {
  return runRounds('cost over batch size', rounds, BATCHES, async (rows) => {
    const question = new Question('sonar', 0, { rows });
    const run = () => rig.load.run(question, { window: 4, durationMs: quick ? 500 : 1000 });
    return (rows * (await sample(pid, question, run)).cpuUs) / 1000;
  });
}

/** Milliseconds of the agent and the broker together for one reading of each client, at the same rate in all. */
async function overClients(
  rig: Rig,
  pid: number,
  crowds: readonly number[],
  rounds: number,
  quick: boolean,
): Promise<Costs> {
  const costs = new Map<number, readonly number[]>();
  const question = new Question('sonar', 1);
  const brokerPid = rig.broker.pid ?? pid;
  for (const clients of crowds) {
    process.stderr.write(`\r\u001b[K${clients} clients connect`);
    const crowd = await rig.crowdOf(clients);
    const run = () =>
      crowd.runOpen(question, { ratePerSecond: RATE, durationMs: quick ? 500 : 3000 });
    await run();
    const own = await runRounds(`cost over ${clients} clients`, rounds, [clients], async () => {
      const before = await cpuSecondsOf(brokerPid);
      const { answered, cpuUs } = await sample(pid, question, run);
      const brokerUs = ((await cpuSecondsOf(brokerPid)) - before) * 1e6;
      return (clients * (cpuUs + brokerUs / answered)) / 1000;
    });
    costs.set(clients, own.get(clients) ?? []);
    crowd.close();
  }
  return costs;
}

/** The cost of each amount of work, and the slope through each round of them. */
function figuresOf(work: string, costs: Costs): Figure[] {
  const who = 'echolot agent';
  const each = [...costs].map(([amount, values]) => {
    return figureOf({ what: `${amount} ${work}`, who, unit: 'ms', values });
  });
  const rounds = Math.min(...[...costs.values()].map(({ length }) => length));
  const values = Array.from({ length: rounds }, (_, round) =>
    logLogSlope([...costs].map(([x, own]) => ({ x, y: own[round] ?? 0 }))),
  );
  return [...each, figureOf({ what: `slope over ${work}`, who, unit: 'slope', values }, null, BAR)];
}
