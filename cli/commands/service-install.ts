// echolot service install: an agent or the broker becomes a service of this machine.
import type { Command } from 'commander';
import { addCommand, settingsOf } from '../command.ts';
import { requireAgentId } from '../connection.ts';
import type { Context } from '../context.ts';
import type { CredentialSetting } from '../credentials.ts';
import { CliError, EXIT } from '../errors.ts';
import { runSteps, type WhereFlags, withWhereFlags } from '../service-flags.ts';
import { assignmentsOf, ownCommand, readCredentials } from '../service-install.ts';
import { Machine } from '../service-machine.ts';
import { credentialPath, planAgent, planBroker } from '../service-plan.ts';
import { isPackaged, type StartCommand, UNIT_FILES } from '../service-units.ts';

interface InstallFlags extends WhereFlags {
  readonly command?: string;
}

export function addInstallCommand(service: Command, context: Context): void {
  const summary = 'write units, users, folders and credentials, and start the service';
  const install = service.command('install').description(summary).summary(summary);
  install.showHelpAfterError('hint: see echolot service install --help');
  addAgent(install, context);
  addBroker(install, context);
}

function addAgent(install: Command, context: Context): void {
  const command = addCommand(install, {
    name: 'agent',
    summary: 'install an agent; beside the broker service it needs no more than a name',
    kind: 'agent',
    examples: [
      'sudo echolot service install agent --agent-id edge-1',
      'sudo echolot service install agent --agent-id edge-1 --broker-url mqtts://broker.example:8883 --ca ca.pem --password-file edge-1.password',
      'echolot service install agent --agent-id edge-1 --dry-run',
    ],
  });
  withInstallFlags(command).action((flags: InstallFlags, each: Command) => {
    const settings = settingsOf('agent', context, each);
    const name = requireAgentId(settings);
    const start = unitsOf(flags, context);
    const machine = new Machine(flags.root ?? null);
    const credentials = readCredentials(settings);
    const has = (setting: CredentialSetting) =>
      setting in credentials || machine.has(credentialPath(name, setting));
    const enrol = !has('passwordFile') && !has('cert');
    if (enrol && !machine.hasBroker()) throw missingCredential(name);
    const values = assignmentsOf('agent', settings);
    const agent = { name, command: start, values, credentials, enrol };
    const steps = planAgent(agent, (path) => machine.read(path));
    runSteps(steps, flags, context);
  });
}

function missingCredential(name: string): CliError {
  return new CliError(
    `the agent ${name} has neither a password nor a certificate, and this machine has no broker service`,
    `Give --password-file FILE, or --cert and --key; "echolot identity add ${name} --role predictor" prints a password, where the identities of the broker are.`,
    { code: 'CREDENTIAL_MISSING', exitCode: EXIT.configuration },
  );
}

function addBroker(install: Command, context: Context): void {
  const command = addCommand(install, {
    name: 'broker',
    summary: 'install the embedded broker',
    kind: 'broker',
    examples: [
      'sudo echolot service install broker',
      'sudo echolot service install broker --tls-port 8883 --tls-host 0.0.0.0 --tls-names broker.example',
    ],
  });
  withInstallFlags(command).action((flags: InstallFlags, each: Command) => {
    const values = assignmentsOf('broker', settingsOf('broker', context, each));
    const start = unitsOf(flags, context);
    const machine = new Machine(flags.root ?? null);
    const steps = planBroker({ command: start, values }, (path) => machine.read(path));
    runSteps(steps, flags, context);
  });
}

function withInstallFlags(command: Command): Command {
  return withWhereFlags(command).option(
    '--command <path>',
    'the program that the units start (default: this installation)',
  );
}

/** What the units start; `null` where they came with a package and are used as they are. */
function unitsOf({ command, root }: InstallFlags, { stdout }: Context): StartCommand | null {
  if (command === undefined && root === undefined && isPackaged()) {
    stdout.write('the units, users and settings of the package are used as they are\n');
    const machine = new Machine(null);
    for (const path of Object.values(UNIT_FILES).filter((each) => machine.has(each))) {
      stdout.write(
        `note: ${path} comes before that of the package; remove it unless it is meant\n`,
      );
    }
    return null;
  }
  if (command === undefined) return ownCommand();
  if (command.startsWith('/')) return [command];
  throw new CliError(
    `--command: expected an absolute path, got ${command}`,
    'For example /usr/bin/echolot.',
  );
}
