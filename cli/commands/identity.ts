// echolot identity: who may connect, added, listed, renewed and removed in a store.
import { type Command, InvalidArgumentError, Option } from 'commander';
import { openIdentityStore } from '../../broker/identity-store.ts';
import { ROLES, type Role } from '../../broker/policy.ts';
import { isName, NAME_RULE } from '../../schemas/names.ts';
import { addCommand, settingsOf } from '../command.ts';
import type { Context } from '../context.ts';
import { renderColumns } from '../columns.ts';

export function addIdentityCommand(program: Command, context: Context): void {
  const summary = 'say who may connect: add, list, rotate, remove';
  const identity = program.command('identity').description(summary).summary(summary);
  identity.showHelpAfterError('hint: see echolot identity --help').addHelpText('after', EXAMPLES);
  addAdd(identity, context);
  addList(identity, context);
  addRotate(identity, context);
  addRemove(identity, context);
}

function addAdd(identity: Command, context: Context): void {
  addCommand(identity, {
    name: 'add',
    summary: 'add an identity and print its password, once',
    kind: 'store',
    examples: [
      'echolot identity add dev-1 --role client > dev-1.password',
      'echolot identity add edge-1 --role predictor --models sonar > edge-1.password',
    ],
  })
    .argument('<name>', 'username, client id and topic segment in one', readName)
    .addOption(new Option('--role <role>', 'what it may do').choices(ROLES).makeOptionMandatory())
    .option('--models <names>', 'for a predictor: only these models, such as a,b', readModels)
    .action(async (name: string, { models, role }: { models?: string[]; role: Role }, command) => {
      const { store: folder } = settingsOf('store', context, command);
      const store = await openIdentityStore(folder);
      const { password } = await store.add(name, role, models ? { models } : {});
      showPassword(context, `${name} (${role}) is added to ${folder}`, password);
    });
}

function addList(identity: Command, context: Context): void {
  addCommand(identity, {
    name: 'list',
    summary: 'list the identities, without secrets',
    kind: 'store',
    examples: ['echolot identity list', 'echolot identity list --json'],
  })
    .option('--json', 'print one line of JSON per identity')
    .action(async ({ json }: { json?: boolean }, command: Command) => {
      const store = await openIdentityStore(settingsOf('store', context, command).store);
      const identities = store.list().map(({ models, name, role }) => ({
        name,
        role,
        models: models ?? null,
      }));
      const lines = json
        ? identities.map((each) => JSON.stringify(each))
        : renderColumns([
            ['NAME', 'ROLE', 'MODELS'],
            ...identities.map(({ models, name, role }) => [name, role, models?.join(',') ?? 'any']),
          ]);
      for (const line of lines) context.stdout.write(`${line}\n`);
    });
}

function addRotate(identity: Command, context: Context): void {
  addCommand(identity, {
    name: 'rotate',
    summary: 'give an identity a new password and print it, once',
    kind: 'store',
    examples: ['echolot identity rotate dev-1 > dev-1.password'],
  })
    .argument('<name>', 'the identity', readName)
    .action(async (name: string, _, command: Command) => {
      const { store: folder } = settingsOf('store', context, command);
      const { password } = await (await openIdentityStore(folder)).rotate(name);
      showPassword(context, `${name} has a new password; the old one is void`, password);
    });
}

function addRemove(identity: Command, context: Context): void {
  addCommand(identity, {
    name: 'remove',
    summary: 'remove an identity; a running broker ends its connections',
    kind: 'store',
    examples: ['echolot identity remove dev-1'],
  })
    .argument('<name>', 'the identity', readName)
    .action(async (name: string, _, command: Command) => {
      const { store: folder } = settingsOf('store', context, command);
      await (await openIdentityStore(folder)).remove(name);
      context.stderr.write(`${name} is removed from ${folder}\n`);
    });
}

/** The password stands alone on standard output, so that it can go into a file as it is. */
function showPassword({ stderr, stdout }: Context, what: string, password: string): void {
  stderr.write(`${what}. Its password, shown this once:\n`);
  stdout.write(`${password}\n`);
}

function readName(text: string): string {
  if (!isName(text)) throw new InvalidArgumentError(`A name is ${NAME_RULE}.`);
  return text;
}

function readModels(text: string): string[] {
  const names = text.split(',');
  if (!names.every(isName)) throw new InvalidArgumentError(`Each model's name is ${NAME_RULE}.`);
  return names;
}

const EXAMPLES = `
Examples:
  echolot identity add dev-1 --role client > dev-1.password
  echolot identity add edge-1 --role predictor --models sonar > edge-1.password
  echolot identity list
  echolot identity rotate dev-1 > dev-1.password
  echolot identity remove dev-1`;
