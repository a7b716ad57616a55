// echolot policy: who may do what: shown, explained, rendered for a broker, and proved on it.
import { Argument, type Command } from 'commander';
import { openIdentityStore } from '../../broker/identity-store.ts';
import type { Verb } from '../../broker/policy.ts';
import { explain, policyRows } from '../../broker/policy-table.ts';
import { renderColumns } from '../columns.ts';
import { addCommand, settingsOf } from '../command.ts';
import type { Context } from '../context.ts';
import { EXIT, printable } from '../errors.ts';
import { loadPolicy } from '../policy.ts';
import { addApplyCommand } from './policy-apply.ts';
import { addProveCommand } from './policy-prove.ts';
import { addRenderCommand } from './policy-render.ts';

export function addPolicyCommand(program: Command, context: Context): void {
  const summary = 'say who may do what: show, explain, render, apply, prove';
  const policy = program.command('policy').description(summary).summary(summary);
  policy.showHelpAfterError('hint: see echolot policy --help').addHelpText('after', EXAMPLES);
  addShow(policy, context);
  addExplain(policy, context);
  addRenderCommand(policy, context);
  addApplyCommand(policy, context);
  addProveCommand(policy, context);
}

function addShow(policy: Command, context: Context): void {
  addCommand(policy, {
    name: 'show',
    summary: 'print the rights of every role',
    kind: 'rights',
    examples: ['echolot policy show', 'echolot policy show --json --policy extra.json'],
  })
    .option('--json', 'print one line of JSON per right')
    .action(async ({ json }: { json?: boolean }, command: Command) => {
      const rows = policyRows(await loadPolicy(settingsOf('rights', context, command)));
      const lines = json
        ? rows.map((row) => JSON.stringify(row))
        : renderColumns([
            ['ROLE', 'MAY', 'TOPIC'],
            ...rows.map(({ filter, role, verb }) => [role, verb, filter]),
          ]);
      for (const line of lines) context.stdout.write(`${line}\n`);
    });
}

function addExplain(policy: Command, context: Context): void {
  addCommand(policy, {
    name: 'explain',
    summary: 'say whether an identity may do something, and by which rule; ends with 1 if not',
    kind: 'policy',
    examples: [
      'echolot policy explain dev-1 publish echolot/v1/readings/dev-1/sonar',
      "echolot policy explain dev-1 subscribe 'echolot/v1/replies/+/+'",
    ],
  })
    .argument('<name>', 'an identity of the store')
    .addArgument(
      new Argument('<verb>', 'what it does').choices(['publish', 'subscribe', 'receive']),
    )
    .argument('<topic>', 'the topic, or for subscribe the filter')
    .action(async (name: string, verb: Verb, topic: string, _, command: Command) => {
      const settings = settingsOf('policy', context, command);
      const policy = await loadPolicy(settings);
      const identity = (await openIdentityStore(settings.store)).get(name);
      const { allowed, text } = explain(policy, identity, verb, topic);
      context.stdout.write(`${printable(text)}\n`);
      context.exitCode = allowed ? EXIT.ok : EXIT.failure;
    });
}

const EXAMPLES = `
Examples:
  echolot policy show
  echolot policy explain dev-1 publish echolot/v1/readings/dev-1/sonar
  echolot policy render mosquitto --out ./rendered`;
