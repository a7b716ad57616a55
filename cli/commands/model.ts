// echolot model: the parent of what can be done with model bundles.
import type { Command } from 'commander';
import type { Context } from '../context.ts';

export function addModelCommand(program: Command, _context: Context): void {
  const summary = 'work on model bundles';
  const model = program.command('model').description(summary).summary(summary);
  model.showHelpAfterError('hint: see echolot model --help');
}
