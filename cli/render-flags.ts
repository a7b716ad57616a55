// The flags that every rendering of the policy takes.
import { type Command, InvalidArgumentError } from 'commander';
import { isName, NAME_RULE } from '../schemas/names.ts';

export interface RenderFlags {
  readonly models: readonly string[];
  /** Whether the identities of the prover are among the rendered ones. */
  readonly probes: boolean;
}

/** Adds --out, --models and --no-probes. */
export function addRenderFlags(command: Command): Command {
  return command
    .requiredOption('--out <folder>', 'write the files into this folder')
    .option('--models <names>', MODELS, readModels, ['sonar'])
    .option('--no-probes', 'leave out the probe identities, with which "policy prove" asks');
}

const MODELS = 'what predictors without a limit of their own may serve: a,b';

function readModels(text: string): string[] {
  const names = text.split(',');
  if (!names.every(isName)) throw new InvalidArgumentError(`Each model's name is ${NAME_RULE}.`);
  return names;
}
