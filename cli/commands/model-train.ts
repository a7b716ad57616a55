// echolot model train: a model trained on the training rows of a split, as a bundle.
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import type { Context } from '../context.ts';
import { SHIPPED_MODEL } from '../package-root.ts';
import { addPlainCommand } from '../plain-command.ts';
import { readCount, readSeed } from '../read-numbers.ts';
import { trainingOutput } from '../training-output.ts';
import { ALGORITHMS, DEFAULT_ALGORITHM } from '../../models/algorithms.ts';
import type { TrainCommandOptions } from '../../models/train/commands.ts';

export function addModelTrainCommand(model: Command, context: Context): void {
  addPlainCommand(model, {
    name: 'train',
    summary: 'train a model on the training rows of a split, and write its bundle',
    examples: [
      'echolot model train --out ./sonar',
      'echolot model train --with-data --out models/sonar',
      'echolot model train --algorithm naive-bayes --out models/sonar-baseline',
    ],
  })
    .option('--out <dir>', "the bundle's folder, which names the model", './sonar')
    .addOption(
      new Option('--algorithm <name>', 'how it is trained')
        .choices(ALGORITHMS)
        .default(DEFAULT_ALGORITHM),
    )
    .option(
      '--data <csv>',
      'rows of readings from 0 to 1 with their label last, split.json beside it',
      join(SHIPPED_MODEL, 'sonar.csv'),
    )
    .option('--with-data', 'put the data into the bundle, so that it can be replayed', false)
    .option('--seed <n>', 'of the folds, and of what starts at random', readSeed, 1988)
    .option('--repeats <n>', 'of the cross-validation for the manifest', readCount, 10)
    .option('--model-version <version>', 'the semantic version', '1.0.0')
    .action(async (flags: Omit<TrainCommandOptions, 'version'> & { modelVersion: string }) => {
      // Loads TensorFlow.js, which no other command should wait for.
      const { runTrain } = await import('../../models/train/commands.ts');
      await runTrain({ ...flags, version: flags.modelVersion }, trainingOutput(context));
    });
}
