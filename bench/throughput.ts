// How many readings a second, JSON, one client: the agent beside a bare responder; at window 1 how long each takes.
import type { BrokerName } from './brokers.ts';
import type { Bar, Figure, PartResult } from './figures.ts';
import { Question } from './questions.ts';
import { agent, bare, type Responder } from './responders.ts';
import { Rig } from './rig.ts';
import { compare, type Part, type Sample, sampleRounds } from './runner.ts';

const WINDOWS = [1, 16, 256];
const MEDIAN: Bar = { atMost: 1.25 };
const P99: Bar = { atMost: 1.5 };

export const throughput: Part = {
  name: 'throughput',
  about: 'JSON readings a second at QoS 0 and 1, windows 1, 16 and 256, beside a bare responder',
  async run({ brokers, quick }) {
    const results: PartResult[] = [];
    for (const broker of brokers) results.push(await benchBroker(broker, quick));
    return results;
  },
};

async function benchBroker(broker: BrokerName, quick: boolean): Promise<PartResult> {
  const title = `Throughput: JSON, one client, ${broker}`;
  const responders = [agent(), bare];
  const rig = await Rig.start(broker, responders);
  const figures: Figure[] = [];
  try {
    await rig.serve(responders);
    await rig.warmUp(responders, quick);
    for (const qos of [0, 1] as const) {
      for (const window of WINDOWS) {
        const what = `QoS ${qos}, window ${window}`;
        const durationMs = quick ? 300 : 1000;
        const samples = await sampleRounds(rig, `${title}, ${what}`, quick ? 3 : 11, responders, {
          question: ({ model }) => new Question(model, qos),
          run: (question) => rig.load.run(question, { window, durationMs }),
          picks: window === 1 ? [({ p50Us }) => p50Us] : [({ perSecond }) => perSecond],
        });
        figures.push(
          ...(window === 1
            ? latencies(what, samples)
            : rates(what, samples, barOf(broker, qos, window))),
        );
      }
    }
  } finally {
    await rig.stop();
  }
  return { part: 'throughput', title, figures, missing: [] };
}

function barOf(broker: BrokerName, qos: 0 | 1, window: number): Bar | undefined {
  if (window < 256) return undefined;
  return { atLeast: broker === 'mosquitto' && qos === 0 ? 0.95 : 0.9 };
}

function latencies(what: string, samples: ReadonlyMap<Responder, readonly Sample[]>): Figure[] {
  return [
    ...compare({ what: `${what}, p50`, unit: 'ms' }, samples, ({ p50Us }) => p50Us / 1000, MEDIAN),
    ...compare({ what: `${what}, p99`, unit: 'ms' }, samples, ({ p99Us }) => p99Us / 1000, P99),
  ];
}

function rates(
  what: string,
  samples: ReadonlyMap<Responder, readonly Sample[]>,
  bar: Bar | undefined,
): Figure[] {
  const cpu = { what: `${what}, CPU per reading`, unit: 'µs' } as const;
  return [
    ...compare({ what, unit: 'readings/s' }, samples, ({ perSecond }) => perSecond, bar),
    ...compare(cpu, samples, ({ cpuUs }) => cpuUs),
  ];
}
