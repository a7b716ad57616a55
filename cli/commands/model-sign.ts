// echolot model sign: puts a signature beside a bundle's files.
import type { Command } from 'commander';
import { signBundle } from '../../models/sign.ts';
import type { Context } from '../context.ts';
import { addPlainCommand } from '../plain-command.ts';

export function addModelSignCommand(model: Command, { stdout }: Context): void {
  addPlainCommand(model, {
    name: 'sign',
    summary: 'sign a bundle (OpenSSF Model Signing), every file of its folder',
    examples: ['echolot model sign ./my-bundle --key signing.pem'],
  })
    .argument('<dir>', "the bundle's folder")
    .requiredOption('--key <file>', 'the private key, as made by echolot model keygen')
    .action(async (directory: string, { key }: { key: string }) => {
      const { bundle, signature, hint } = await signBundle(directory, key);
      const { name, version } = bundle.manifest;
      stdout.write(`${name} ${version} (${bundle.digest}) is signed: ${signature}, key ${hint}\n`);
    });
}
