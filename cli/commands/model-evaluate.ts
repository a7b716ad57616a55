// echolot model evaluate: every way of training compared by nested cross-validation.
import { join } from 'node:path';
import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { SHIPPED_MODEL } from '../package-root.ts';
import { addPlainCommand } from '../plain-command.ts';
import { readCount, readSeed } from '../read-numbers.ts';
import { trainingOutput } from '../training-output.ts';
import type { EvaluateCommandOptions } from '../../models/train/commands.ts';

export function addModelEvaluateCommand(model: Command, context: Context): void {
  addPlainCommand(model, {
    name: 'evaluate',
    summary: 'compare the ways of training by nested cross-validation; ends with a line of JSON',
    examples: [
      'echolot model evaluate',
      'echolot model evaluate --seed 2 --repeats 10 --out ./plots',
    ],
  })
    .option('--seed <n>', 'of the folds, and of what starts at random', readSeed, 1)
    .option('--repeats <n>', 'of the ten folds', readCount, 1)
    .option('--out <dir>', 'folder for plots: ROC, reliability, folds (default: none are drawn)')
    .option(
      '--data <csv>',
      'rows of readings from 0 to 1 with their label last, split.json beside it',
      join(SHIPPED_MODEL, 'sonar.csv'),
    )
    .action(async (flags: EvaluateCommandOptions) => {
      // Loads TensorFlow.js, which no other command should wait for.
      const { runEvaluate } = await import('../../models/train/commands.ts');
      await runEvaluate(flags, trainingOutput(context));
    });
}
