// echolot model keygen: a key pair to sign bundles with.
import type { Command } from 'commander';
import { generateSigningKey } from '../../models/signing-key.ts';
import type { Context } from '../context.ts';
import { addPlainCommand } from '../plain-command.ts';

export function addModelKeygenCommand(model: Command, { stdout }: Context): void {
  addPlainCommand(model, {
    name: 'keygen',
    summary: 'make a key pair (ECDSA P-256) to sign bundles with',
    examples: ['echolot model keygen signing.pem'],
  })
    .argument('<file>', 'where the private half goes; the public half goes to <file>.pub')
    .action(async (path: string) => {
      const { privateKey, publicKey, hint } = await generateSigningKey(path);
      stdout.write(`private key, keep it secret: ${privateKey}\n`);
      stdout.write(`public key, for agents (ECHOLOT_MODEL_KEY): ${publicKey}\n`);
      stdout.write(`named in signatures: ${hint}\n`);
    });
}
