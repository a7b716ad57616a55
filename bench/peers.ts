// What people would run instead, in the same rounds: naive MQTT.js with onnxruntime, paho with scikit-learn, Node-RED.
import type { BrokerName } from './brokers.ts';
import { type Bar, type Figure, figureOf, type PartResult } from './figures.ts';
import { nodeRed } from './node-red.ts';
import { Question } from './questions.ts';
import { agent, bare, naive, python, type Responder } from './responders.ts';
import { Rig } from './rig.ts';
import { measured, type Part, type Sample, sampleRounds } from './runner.ts';

const WINDOWS = [1, 256];
/** Promised against paho and scikit-learn at window 256 on Mosquitto. */
const RATE_BARS: readonly [Bar, Bar] = [{ atLeast: 4 }, { atLeast: 2.5 }];
const CPU_BAR: Bar = { atMost: 1 / 3 };

export const peers: Part = {
  name: 'peers',
  about: 'throughput, latency and CPU beside paho + scikit-learn, naive MQTT.js, and Node-RED',
  async run({ brokers, nodeRed: isAsked, quick }) {
    const results: PartResult[] = [];
    for (const broker of brokers) results.push(await benchBroker(broker, quick, isAsked));
    return results;
  },
};

async function benchBroker(
  broker: BrokerName,
  quick: boolean,
  isNodeRedAsked: boolean,
): Promise<PartResult> {
  const title = `Beside what people would run instead: JSON, one client, ${broker}`;
  const responders = [agent(), bare, naive, python, ...(isNodeRedAsked ? [nodeRed] : [])];
  const rig = await Rig.start(broker, responders);
  if (!isNodeRedAsked) rig.missing.set(nodeRed.title, 'not asked for: --peers node-red');
  const figures: Figure[] = [];
  try {
    const serving = await rig.serve(responders);
    await rig.warmUp(serving, quick);
    for (const qos of [0, 1] as const) {
      for (const window of WINDOWS) {
        const what = `QoS ${qos}, window ${window}`;
        const durationMs = quick ? 500 : 1500;
        const samples = await sampleRounds(rig, `${title}, ${what}`, quick ? 2 : 7, serving, {
          question: ({ model }) => new Question(model, qos),
          run: (question) => rig.load.run(question, { window, durationMs }),
          picks: [({ perSecond }) => perSecond],
        });
        const isBarred = broker === 'mosquitto' && window === 256;
        figures.push(
          ...againstEach(
            what,
            'readings/s',
            samples,
            (one) => one.perSecond,
            isBarred ? RATE_BARS[qos] : undefined,
          ),
          ...againstEach(`${what}, p50`, 'ms', samples, (one) => one.p50Us / 1000),
          ...againstEach(
            `${what}, CPU per reading`,
            'µs',
            samples,
            (one) => one.cpuUs,
            isBarred ? CPU_BAR : undefined,
          ),
        );
      }
    }
  } finally {
    await rig.stop();
  }
  const missing = [...rig.missing].map(([who, why]) => ({ who, why }));
  return { part: 'peers', title, figures, missing };
}

/** The agent by each of the others, and then the others for themselves. */
function againstEach(
  what: string,
  unit: Figure['unit'],
  samples: ReadonlyMap<Responder, readonly Sample[]>,
  pick: (one: Sample) => number,
  bar?: Bar,
): Figure[] {
  const [ours, ...others] = [...samples].map(([responder, own]) => {
    return { responder, own: measured({ what, unit, who: responder.title }, own, pick) };
  });
  if (!ours) return [];
  return [
    ...others.map(({ own, responder }) => {
      return figureOf(ours.own, own, responder === python ? bar : undefined);
    }),
    ...others.map(({ own }) => figureOf(own)),
  ];
}
