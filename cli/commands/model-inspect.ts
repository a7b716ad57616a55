// echolot model inspect: what a bundle says of itself.
import type { Command } from 'commander';
import { loadBundle } from '../../models/bundle.ts';
import { describeBundle } from '../../models/inspect.ts';
import { renderColumns } from '../columns.ts';
import type { Context } from '../context.ts';
import { printable } from '../errors.ts';
import { addPlainCommand } from '../plain-command.ts';

export function addModelInspectCommand(model: Command, { stdout }: Context): void {
  addPlainCommand(model, {
    name: 'inspect',
    summary: 'show what is in a bundle; its models are not run',
    examples: ['echolot model inspect models/sonar', 'echolot model inspect ./my-bundle --json'],
  })
    .argument('<dir>', "the bundle's folder")
    .option('--json', 'print the manifest and the digest of the bundle as one line of JSON')
    .action(async (directory: string, { json }: { json?: boolean }) => {
      const bundle = await loadBundle(directory);
      const lines = json
        ? [JSON.stringify({ digest: bundle.digest, manifest: bundle.manifest })]
        : renderColumns(describeBundle(bundle)).map(printable);
      for (const line of lines) stdout.write(`${line}\n`);
    });
}
