// echolot model: what can be done with model bundles.
import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { addModelEvaluateCommand } from './model-evaluate.ts';
import { addModelInspectCommand } from './model-inspect.ts';
import { addModelKeygenCommand } from './model-keygen.ts';
import { addModelPackCommand } from './model-pack.ts';
import { addModelSignCommand } from './model-sign.ts';
import { addModelTrainCommand } from './model-train.ts';
import { addModelVerifyCommand } from './model-verify.ts';

export function addModelCommand(program: Command, context: Context): void {
  const summary = 'work on model bundles: inspect, verify, keygen, sign, pack, train, evaluate';
  const model = program.command('model').description(summary).summary(summary);
  model.showHelpAfterError('hint: see echolot model --help').addHelpText('after', EXAMPLES);
  addModelInspectCommand(model, context);
  addModelVerifyCommand(model, context);
  addModelKeygenCommand(model, context);
  addModelSignCommand(model, context);
  addModelPackCommand(model, context);
  addModelTrainCommand(model, context);
  addModelEvaluateCommand(model, context);
}

const EXAMPLES = `
Examples:
  echolot model inspect ./my-bundle
  echolot model verify ./my-bundle --key signer.pub
  echolot model pack --help`;
