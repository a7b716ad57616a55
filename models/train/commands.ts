// What `echolot model train` and `echolot model evaluate` do: files in, files and text out.
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { loadTrainingData } from '../data-folder.ts';
import { evaluateModels } from './evaluate.ts';
import { renderPlots } from './plots.ts';
import { formatReport, summariseReport } from './report.ts';
import { trainModel } from './train-model.ts';
import { writeTrainedBundle } from './trained-bundle.ts';
import { BASELINE, CHAMPION, TRAINERS, trainerOf } from './trainers.ts';

/** Where the words go: results on standard output, progress on standard error. */
export interface CommandOutput {
  readonly result: (text: string) => void;
  /** One line that replaces the one before it; an empty one at the end. */
  readonly progress: (line: string) => void;
}

export interface TrainCommandOptions {
  /** CSV file, with split.json beside it. */
  readonly data: string;
  /** Put the data into the bundle, so that its held-out rows can be replayed. */
  readonly withData: boolean;
  /** Folder of the bundle. */
  readonly out: string;
  /** A trainer's name. */
  readonly algorithm: string;
  readonly seed: number;
  readonly repeats: number;
  readonly version: string;
}

/**
 * Trains on the training rows and writes the bundle, named as its folder. The last line is JSON.
 * @throws {DataError} data or split cannot be used
 * @throws {RangeError} no such algorithm
 */
export async function runTrain(options: TrainCommandOptions, output: CommandOutput): Promise<void> {
  const { algorithm, data, out, repeats, seed, version, withData } = options;
  const directory = resolve(out);
  const trained = await trainModel({
    trainer: trainerOf(algorithm),
    source: await loadTrainingData(data),
    seed,
    repeats,
    onProgress: (done, of) => output.progress(`${algorithm}: fold ${done} of ${of}`),
  });
  output.progress('');
  const name = basename(directory);
  const manifest = await writeTrainedBundle(directory, trained, { name, version, withData });
  output.result(`${directory}: ${Object.keys(manifest.files).join(', ')} and manifest.json\n`);
  output.result(`chosen within the training rows: ${trained.model.settings}\n`);
  const { mean, sd } = trained.accuracy;
  const figures = { accuracy: Number(mean.toFixed(6)), sd: Number(sd.toFixed(6)) };
  output.result(`${JSON.stringify({ model: name, algorithm, seed, repeats, ...figures })}\n`);
}

export interface EvaluateCommandOptions {
  readonly data: string;
  readonly seed: number;
  readonly repeats: number;
  /** Folder for the plots; none are drawn without it. */
  readonly out?: string | undefined;
}

/**
 * Compares every way of training by nested cross-validation of all rows. The last line is JSON.
 * @throws {DataError} the data cannot be used
 */
export async function runEvaluate(
  { data, out, repeats, seed }: EvaluateCommandOptions,
  output: CommandOutput,
): Promise<void> {
  const source = await loadTrainingData(data);
  // Before the long work, whose figures would be lost where this fails.
  if (out !== undefined) await mkdir(out, { recursive: true });
  const report = await evaluateModels({
    data: source.data,
    seed,
    repeats,
    trainers: TRAINERS,
    champion: CHAMPION.name,
    baseline: BASELINE.name,
    onProgress: ({ done, model, of }) => output.progress(`${model}: fold ${done} of ${of}`),
  });
  output.progress('');
  output.result(`${formatReport(report)}\n\n`);
  if (out !== undefined) {
    for (const [name, svg] of renderPlots(report)) await writeFile(join(out, name), svg);
    output.result(`plots: ${resolve(out)}\n\n`);
  }
  output.result(`${summariseReport(report)}\n`);
}
