// echolot service: agents and the broker under systemd: installed, looked at, removed.
import { spawnSync } from 'node:child_process';
import { type Command, InvalidArgumentError } from 'commander';
import { isName, NAME_RULE } from '../../schemas/names.ts';
import type { Context } from '../context.ts';
import { CliError, EXIT } from '../errors.ts';
import { addPlainCommand } from '../plain-command.ts';
import { runSteps, type WhereFlags, withWhereFlags } from '../service-flags.ts';
import { Machine } from '../service-machine.ts';
import { agentUnit, planAgentRemoval, planRemoval } from '../service-plan.ts';
import { isPackaged } from '../service-units.ts';
import { addInstallCommand } from './service-install.ts';
import { addRestartCommand } from './service-restart.ts';

const UNITS = ['echolot.target', 'echolot-broker.service', agentUnit('*')];

export function addServiceCommand(program: Command, context: Context): void {
  const summary =
    'run agents and the broker with systemd: install, status, restart, logs, uninstall';
  const service = program.command('service').description(summary).summary(summary);
  service.showHelpAfterError('hint: see echolot service --help').addHelpText('after', EXAMPLES);
  addInstallCommand(service, context);
  addStatus(service, context);
  addRestartCommand(service, context);
  addLogs(service, context);
  addUninstall(service, context);
}

function addStatus(service: Command, context: Context): void {
  addPlainCommand(service, {
    name: 'status',
    summary: 'what systemd says of the services; ends as systemctl status does',
    examples: ['echolot service status'],
  }).action(() => {
    context.exitCode = show('systemctl', ['status', '--no-pager', '--lines=3', ...UNITS]);
  });
}

function addLogs(service: Command, context: Context): void {
  addPlainCommand(service, {
    name: 'logs',
    summary: 'what the services wrote to the journal',
    examples: ['echolot service logs', 'echolot service logs edge-1 --follow'],
  })
    .argument('[agent]', 'only this agent', readName)
    .option('-f, --follow', 'go on with the lines that come')
    .option('-n, --lines <count>', 'so many of the last lines', readCount, 50)
    .action((agent: string | undefined, { follow, lines }: { follow?: true; lines: number }) => {
      const units = agent === undefined ? UNITS : [agentUnit(agent)];
      context.exitCode = show('journalctl', [
        '--no-pager',
        `--lines=${lines}`,
        ...(follow ? ['--follow'] : []),
        ...units.map((unit) => `--unit=${unit}`),
      ]);
    });
}

function addUninstall(service: Command, context: Context): void {
  const command = addPlainCommand(service, {
    name: 'uninstall',
    summary: 'stop the services and remove them; settings and what they kept stay',
    examples: ['sudo echolot service uninstall edge-1', 'sudo echolot service uninstall --purge'],
  })
    .argument('[agent]', 'only this agent', readName)
    .option('--purge', 'remove the settings and what the services kept, too');
  withWhereFlags(command).action(
    (agent: string | undefined, flags: WhereFlags & { purge?: true }) => {
      const { purge = false } = flags;
      if (agent !== undefined && purge) {
        throw new CliError(`--purge is for all services, not for ${agent}`, 'Leave one out.');
      }
      const steps =
        agent === undefined
          ? planRemoval(new Machine(flags.root ?? null).agents(), {
              packaged: flags.root === undefined && isPackaged(),
              purge,
            })
          : planAgentRemoval(agent);
      runSteps(steps, flags, context);
    },
  );
}

/** Runs a program with our streams. */
function show(program: string, args: readonly string[]): number {
  const { error, status } = spawnSync(program, args, { stdio: 'inherit' });
  if (!error) return status ?? EXIT.failure;
  throw new CliError(
    `${program} cannot be run: ${error.message}`,
    'It comes with systemd: ask on the machine whose systemd runs the services.',
    { code: 'SYSTEMD_MISSING', exitCode: EXIT.unavailable },
  );
}

function readName(text: string): string {
  if (!isName(text)) throw new InvalidArgumentError(`A name is ${NAME_RULE}.`);
  return text;
}

function readCount(text: string): number {
  if (!/^\d{1,7}$/.test(text)) throw new InvalidArgumentError('Expected a number of lines.');
  return Number(text);
}

const EXAMPLES = `
Examples:
  sudo echolot service install broker
  sudo echolot service install agent --agent-id edge-1
  sudo echolot service install agent --agent-id edge-2 --password-file edge-2.password --model /opt/pump
  echolot service status
  sudo echolot service restart
  echolot service logs edge-1 --follow
  sudo echolot service uninstall edge-1`;
