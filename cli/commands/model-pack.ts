// echolot model pack: a bundle of a user's own ONNX classifier.
import { basename } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { tryBundle } from '../../agent/trial.ts';
import { loadBundle } from '../../models/bundle.ts';
import { BundleRefusedError } from '../../models/bundle-refused.ts';
import type { PackOptions } from '../../models/pack.ts';
import type { Context } from '../context.ts';
import { addPlainCommand } from '../plain-command.ts';

interface Flags
  extends Pick<
    PackOptions,
    'labels' | 'description' | 'minimum' | 'maximum' | 'output' | 'activation'
  > {
  readonly onnx: string;
  readonly name?: string;
  readonly modelVersion: string;
  readonly sample?: string;
  readonly out?: string;
}

export function addModelPackCommand(model: Command, { stdout }: Context): void {
  addPlainCommand(model, {
    name: 'pack',
    summary: "make a bundle of one's own ONNX classifier",
    examples: [
      'echolot model pack --onnx iris.onnx --labels setosa,versicolor,virginica --sample iris.csv',
      'echolot model pack --onnx pump.onnx --labels good,worn --minimum 0 --maximum 1 --out ./pump',
    ],
  })
    .requiredOption('--onnx <file>', 'the model: float32 rows in, scores out')
    .option('--labels <names>', "the labels in the order of the model's scores, such as a,b", list)
    .option('--sample <csv>', 'readings as the model will see them: for limits and golden vectors')
    .option('--name <name>', "the model's name in topics (default: the file's)")
    .option('--model-version <version>', 'the semantic version', '1.0.0')
    .option('--description <text>', 'one line for people')
    .option('--minimum <number>', 'smallest value of a reading (default: from the sample)', number)
    .option('--maximum <number>', 'largest value of a reading (default: from the sample)', number)
    .option('--output <name>', 'the output with the scores, where several could be it')
    .addOption(
      new Option(
        '--activation <kind>',
        'what the scores still need, where it cannot be told',
      ).choices(['none', 'softmax', 'sigmoid']),
    )
    .option('--out <dir>', "the bundle's folder (default: ./ and the name)")
    .action(async ({ onnx, out, modelVersion, sample, ...flags }: Flags) => {
      // Loads a runtime, which no other command should wait for.
      const { packBundle } = await import('../../models/pack.ts');
      const name = flags.name ?? basename(onnx).replace(/\.onnx$/i, '');
      const { directory, notes } = await packBundle({
        ...flags,
        onnxFile: onnx,
        name,
        out: out ?? name,
        version: modelVersion,
        sampleCsv: sample,
      });
      const bundle = await loadBundle(directory);
      const trial = await tryBundle(bundle);
      if (!trial.ok) throw new BundleRefusedError(trial.message, trial.remedy, trial);
      for (const note of notes) stdout.write(`note: ${note}\n`);
      stdout.write(`${name} ${modelVersion} (${bundle.digest}) is packed: ${directory}\n`);
    });
}

function list(text: string): string[] {
  return text.split(',').map((label) => label.trim());
}

function number(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value))
    throw new InvalidArgumentError('Not a number.');
  return value;
}
