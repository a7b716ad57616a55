// The flags that say what of a store is rendered, for every command that renders or compares.
import { type Command, InvalidArgumentError } from 'commander';
import { isName, NAME_RULE } from '../schemas/names.ts';

export interface InputFlags {
  readonly models: readonly string[];
  /** Whether the identities of the prover are among the rendered ones. */
  readonly probes: boolean;
}

/** Adds --models and --no-probes. */
export function addInputFlags(command: Command): Command {
  return command
    .option('--models <names>', MODELS_FLAG, readModels, ['sonar'])
    .option('--no-probes', 'leave out the probe identities, with which "policy prove" asks');
}

export const MODELS_FLAG = 'what predictors without a limit of their own may serve: a,b';

/** Reads the value of --models. */
export function readModels(text: string): string[] {
  const names = text.split(',');
  if (!names.every(isName)) throw new InvalidArgumentError(`Each model's name is ${NAME_RULE}.`);
  return names;
}
