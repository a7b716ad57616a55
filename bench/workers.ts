// Whether a slow model makes use of the cores: one agent with one worker, with one for each core, and with one more.
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeSlowModel } from '../agent/slow-model.fixture.ts';
import { loadBundle } from '../models/bundle.ts';
import { writeBundle } from '../models/write-bundle.ts';
import { type BrokerName, CLI, startProcess } from './brokers.ts';
import type { PartResult } from './figures.ts';
import { Question } from './questions.ts';
import type { Responder } from './responders.ts';
import { Rig } from './rig.ts';
import { compare, type Part, sampleRounds } from './runner.ts';

const ROW_MS = 5;
const WIDTH = 4;
/** Enough for all workers, and less than what would be refused for the wait. */
const WINDOW = 64;

export const workers: Part = {
  name: 'workers',
  about: `readings a second of a model of ${ROW_MS} ms a row, with several workers and without`,
  async run({ brokers, quick }) {
    const [broker] = brokers;
    return broker ? [await benchWorkers(broker, quick)] : [];
  },
};

/** The broker has nothing to do here: one of them will do. */
async function benchWorkers(broker: BrokerName, quick: boolean): Promise<PartResult> {
  const title = `Workers: a model of ${ROW_MS} ms a row, JSON, QoS 1, window ${WINDOW}, ${broker}`;
  const folder = await mkdtemp(join(tmpdir(), 'echolot-workers-'));
  const cores = availableParallelism();
  // The first is compared with the second.
  const responders = [
    ...[cores, 1, cores + 1].map((count) =>
      responder(folder, `workers: ${count}`, `--workers ${count}`),
    ),
    responder(folder, 'inline', '--inference inline'),
  ];
  const rig = await Rig.start(broker, responders);
  try {
    await writeModels(
      folder,
      responders.map(({ model }) => model),
    );
    await rig.serve(responders, questionFor);
    const samples = await sampleRounds(rig, title, quick ? 2 : 7, responders, {
      question: questionFor,
      run: (question) => rig.load.run(question, { window: WINDOW, durationMs: quick ? 500 : 3000 }),
      picks: [({ perSecond }) => perSecond],
    });
    const what = 'lone readings';
    const figures = compare({ what, unit: 'readings/s' }, samples, ({ perSecond }) => perSecond);
    return { part: 'workers', title, figures, missing: [] };
  } finally {
    await rig.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

const questionFor = ({ model }: Responder) => new Question(model, 1, 'json', WIDTH);
const bundleOf = (folder: string, model: string) => join(folder, model);

/** Each serves a model of its own name, so that they need not be started in turn. */
function responder(folder: string, title: string, flags: string): Responder {
  const model = title.replace(': ', '-');
  return {
    title,
    identity: model,
    model,
    async start(broker) {
      const login = `--agent-id ${model} --password-file ${broker.passwordFile(model)}`;
      const args = `agent --leave --broker-url ${broker.innerUrl} ${login} --log-level error ${flags}`;
      return startProcess([CLI, ...args.split(' '), '--model', bundleOf(folder, model)]);
    },
  };
}

/** The same model under several names: measured once, so that a row costs the same. */
async function writeModels(folder: string, names: readonly string[]): Promise<void> {
  const source = bundleOf(folder, 'source');
  await writeSlowModel({ folder: source, millisecondsPerRow: ROW_MS });
  const { files, manifest } = await loadBundle(source);
  for (const name of names) {
    await writeBundle(bundleOf(folder, name), { manifest: { ...manifest, name }, files });
  }
}
