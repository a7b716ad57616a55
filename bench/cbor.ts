// CBOR: one reading a message, and batches as typed arrays, beside a bare responder that speaks the same form.
import type { BrokerName } from './brokers.ts';
import type { Bar, Figure, PartResult } from './figures.ts';
import { type Form, Question } from './questions.ts';
import { agent, bareCbor } from './responders.ts';
import { Rig } from './rig.ts';
import { compare, type Part, sampleRounds } from './runner.ts';

/** Windows that keep both sides busy and stay below what an agent lets wait: 8192 rows of one client. */
const CASES: readonly { readonly form: Form; readonly window: number }[] = [
  { form: 'cbor', window: 256 },
  { form: { rows: 16 }, window: 64 },
  { form: { rows: 256 }, window: 16 },
  { form: { rows: 1024 }, window: 4 },
];
/** Promised on Mosquitto at QoS 0, for batches of 256 and more. */
const BAR: Bar = { atLeast: 0.85 };
const BAR_ROWS = 256;

export const cbor: Part = {
  name: 'cbor',
  about: 'CBOR readings a second: single, and batches of 16, 256 and 1024 float32 rows',
  async run({ brokers, quick }) {
    const results: PartResult[] = [];
    for (const broker of brokers) results.push(await benchBroker(broker, quick));
    return results;
  },
};

async function benchBroker(broker: BrokerName, quick: boolean): Promise<PartResult> {
  const title = `CBOR: QoS 0, one client, ${broker}`;
  const responders = [agent(), bareCbor];
  const rig = await Rig.start(broker, responders);
  const figures: Figure[] = [];
  try {
    await rig.serve(responders, ({ model }) => new Question(model, 0, 'cbor'));
    await rig.warmUp(responders, quick, ({ model }) => new Question(model, 0, { rows: 16 }));
    for (const { form, window } of CASES) {
      const rows = typeof form === 'object' ? form.rows : 1;
      const what = rows === 1 ? `single, window ${window}` : `batch of ${rows}, window ${window}`;
      const durationMs = quick ? 300 : 1000;
      const samples = await sampleRounds(rig, `${title}, ${what}`, quick ? 3 : 11, responders, {
        question: ({ model }) => new Question(model, 0, form),
        run: (question) => rig.load.run(question, { window, durationMs }),
        picks: [({ perSecond }) => perSecond],
      });
      const bar = broker === 'mosquitto' && rows >= BAR_ROWS ? BAR : undefined;
      const cpu = { what: `${what}, CPU per reading`, unit: 'µs' } as const;
      figures.push(
        ...compare({ what, unit: 'readings/s' }, samples, ({ perSecond }) => perSecond, bar),
        ...compare(cpu, samples, ({ cpuUs }) => cpuUs),
      );
    }
  } finally {
    await rig.stop();
  }
  return { part: 'cbor', title, figures, missing: [] };
}
