// echolot model verify: digests, signature and, in a process of their own, the models of a bundle.
import type { Command } from 'commander';
import { tryBundle } from '../../agent/trial.ts';
import type { Bundle } from '../../models/bundle.ts';
import { BundleRefusedError } from '../../models/bundle-refused.ts';
import { verifyBundle } from '../../models/verify.ts';
import type { Context } from '../context.ts';
import { addPlainCommand } from '../plain-command.ts';

const SIGNATURES = {
  verified: 'the signature is by this key and covers every file',
  unchecked: 'there is a signature; give --key to check it',
  none: 'there is no signature',
};

export function addModelVerifyCommand(model: Command, context: Context): void {
  addPlainCommand(model, {
    name: 'verify',
    summary: 'check a bundle as an agent would: files, signature, golden vectors',
    examples: [
      'echolot model verify models/sonar',
      'echolot model verify ./my-bundle --key signing.pem.pub',
    ],
  })
    .argument('<dir>', "the bundle's folder")
    .option('--key <file>', 'the public key that it must be signed with')
    .option('--no-run', 'do not run the models')
    .action(async (directory: string, { key, run }: { key?: string; run: boolean }) => {
      const result = await verifyBundle(directory, { publicKey: key });
      if (!result.ok) throw refusal(result);
      const { bundle, signature } = result;
      const { name, version } = bundle.manifest;
      context.stdout.write(`${name} ${version}: ${bundle.files.size} files hold their digests\n`);
      context.stdout.write(`${SIGNATURES[signature]}\n`);
      if (run) await runModels(bundle, context);
      context.stdout.write('verified\n');
    });
}

async function runModels(bundle: Bundle, { stdout }: Context): Promise<void> {
  for (const runtime of ['onnx', 'tfjs'] as const) {
    if (!bundle.manifest.runtimes[runtime]) continue;
    const trial = await tryBundle(bundle, { runtime });
    if (!trial.ok) throw refusal(trial);
    const { goldenError, singleMs, batchMs } = trial.facts;
    const batch = batchMs === null ? '' : `, 256 rows ${batchMs.toFixed(3)} ms`;
    const worst = `largest difference ${goldenError.toExponential(1)}`;
    stdout.write(`golden vectors hold on ${trial.facts.runtime} (${worst}); `);
    stdout.write(`one row ${singleMs.toFixed(3)} ms${batch}\n`);
  }
}

function refusal({ kind, message, remedy }: BundleRefusedErrorParts): BundleRefusedError {
  return new BundleRefusedError(message, remedy, { kind });
}

type BundleRefusedErrorParts = Pick<BundleRefusedError, 'kind' | 'message' | 'remedy'>;
