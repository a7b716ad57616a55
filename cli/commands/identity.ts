// echolot identity: who may connect, with password or certificate, added, listed, renewed and removed.
import { type Command, InvalidArgumentError } from 'commander';
import { MAX_DAYS } from '../../broker/certificate-authority.ts';
import { certificatePaths, issueCertificate } from '../../broker/certificates.ts';
import { enrolList } from '../../broker/enrol.ts';
import { openIdentityStore } from '../../broker/identity-store.ts';
import { ROLES, type Role } from '../../broker/policy.ts';
import { isName, NAME_RULE } from '../../schemas/names.ts';
import { addCommand, settingsOf } from '../command.ts';
import type { Context } from '../context.ts';
import { renderColumns } from '../columns.ts';
import { CliError } from '../errors.ts';
import { loadExtension } from '../policy.ts';
import { shellWord } from '../shell-word.ts';

interface CertificateFlags {
  readonly certificate?: boolean;
  readonly days?: number;
}

interface AddFlags extends CertificateFlags {
  readonly role?: Role;
  readonly models?: readonly string[];
  readonly csv?: string;
  readonly out?: string;
}

/** The folder of the identities, and the roles that they may have. */
interface Store {
  readonly folder: string;
  readonly roles: readonly Role[];
}

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
    summary: 'add an identity and print its password, once, or make it a certificate',
    kind: 'enrol',
    examples: [
      'echolot identity add dev-1 --role client > dev-1.password',
      'echolot identity add edge-1 --role predictor --models sonar > edge-1.password',
      'echolot identity add dev-2 --role client --certificate --days 90',
      'echolot identity add --csv devices.csv --out passwords.csv',
    ],
  })
    .argument('[name]', 'username, client id and topic segment in one', readName)
    .option('--role <role>', `what it may do: ${ROLES.join(', ')}, or a role of --policy`, readName)
    .option('--models <names>', 'for a predictor: only these models, such as a,b', readModels)
    .option('--certificate', 'make a client certificate in the store, and no password')
    .option('--days <days>', 'how long the certificate is valid (default 365)', readDays)
    .option('--csv <file>', 'add everybody in this list: columns name, role and models')
    .option('--out <file>', 'with --csv: write name and password of each into this new file')
    .action(async (name: string | undefined, flags: AddFlags, command: Command) => {
      const settings = settingsOf('enrol', context, command);
      const extension = await loadExtension(settings);
      const store = {
        folder: settings.store,
        roles: [...ROLES, ...(extension?.roles ?? [])],
      };
      if (name === undefined || flags.csv !== undefined) await addAll(context, store, name, flags);
      else await addOne(context, store, name, flags);
    });
}

async function addOne(context: Context, { folder, roles }: Store, name: string, flags: AddFlags) {
  const { certificate, models, out, role } = flags;
  checkDays(flags);
  if (out !== undefined) throw new CliError('--out is given without --csv', 'Leave it out.');
  if (role === undefined) {
    throw new CliError('no role is given', `Add --role with one of ${roles.join(', ')}.`);
  }
  if (!roles.includes(role)) {
    throw new CliError(
      `${role} is no role: known are ${roles.join(', ')}, and others by --policy`,
      'see echolot identity add --help',
    );
  }
  const store = await openIdentityStore(folder, roles);
  const { password } = await store.add(name, role, models ? { models } : {});
  const added = `${name} (${role}) is added to ${folder}`;
  if (certificate) await makeCertificate(context, folder, { name, role }, flags, added);
  else showPassword(context, added, password);
}

async function addAll(
  context: Context,
  { folder, roles }: Store,
  name: string | undefined,
  flags: AddFlags,
) {
  const { certificate, csv, days, models, out, role } = flags;
  if (csv === undefined) {
    throw new CliError('nobody is named', 'Give a name and --role, or a list with --csv.');
  }
  if (out === undefined) {
    throw new CliError('--csv is given without --out', 'Name a new file for the passwords.');
  }
  const others = Object.entries({ certificate, days, models, role });
  const [first] = [name, ...others.map(([flag, value]) => value && `--${flag}`)].filter(Boolean);
  if (first !== undefined) {
    throw new CliError(
      `--csv does not go with ${first}`,
      'Names, roles and models come from the list.',
    );
  }
  const count = await enrolList(await openIdentityStore(folder, roles), csv, out);
  context.stderr.write(
    `${count} identities are added to ${folder}; their passwords are in ${out}\n`,
  );
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
    summary: 'give an identity a new password and print it, once, or a new certificate',
    kind: 'store',
    examples: [
      'echolot identity rotate dev-1 > dev-1.password',
      'echolot identity rotate dev-2 --certificate',
    ],
  })
    .argument('<name>', 'the identity', readName)
    .option('--certificate', 'make a new certificate; the one before is revoked, a password stays')
    .option('--days <days>', 'how long the certificate is valid (default 365)', readDays)
    .action(async (name: string, flags: CertificateFlags, command: Command) => {
      const { store: folder } = settingsOf('store', context, command);
      checkDays(flags);
      const store = await openIdentityStore(folder);
      if (!flags.certificate) {
        const { password } = await store.rotate(name);
        showPassword(context, `${name} has a new password; the old one is void`, password);
        return;
      }
      const renewed = `${name} has a new certificate; one that it had before is revoked`;
      await makeCertificate(context, folder, store.get(name), flags, renewed);
    });
}

function addRemove(identity: Command, context: Context): void {
  addCommand(identity, {
    name: 'remove',
    summary: 'remove an identity and revoke its certificate; a running broker ends its connections',
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

/** Standard output has the flags of a client, ready to be copied. */
async function makeCertificate(
  { stderr, stdout }: Context,
  folder: string,
  { name, role }: { readonly name: string; readonly role: Role },
  { days }: CertificateFlags,
  what: string,
): Promise<void> {
  const options = days === undefined ? { role } : { role, days };
  const { certificate, key, notAfter } = await issueCertificate(folder, name, options);
  const { ca } = certificatePaths(folder);
  const flags = ['--ca', ca, '--cert', certificate, '--key', key].map(shellWord);
  stderr.write(`${what}. It is valid until ${notAfter}. Its files, for a client:\n`);
  stdout.write(`${flags.join(' ')}\n`);
}

function checkDays({ certificate, days }: CertificateFlags): void {
  if (days === undefined || certificate) return;
  throw new CliError('--days is given without --certificate', 'Passwords do not run out.');
}

function readDays(text: string): number {
  const days = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (days < 1 || days > MAX_DAYS) {
    throw new InvalidArgumentError(`Expected is a number of days from 1 to ${MAX_DAYS}.`);
  }
  return days;
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
  echolot identity add dev-2 --role client --certificate
  echolot identity add --csv devices.csv --out passwords.csv
  echolot identity list
  echolot identity rotate dev-1 > dev-1.password
  echolot identity remove dev-1`;
