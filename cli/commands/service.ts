// echolot service: agents and the broker under systemd: installed, looked at, removed.
import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { CliError } from '../errors.ts';
import { addPlainCommand } from '../plain-command.ts';
import {
  readAgentName,
  runSteps,
  SERVICE_UNITS,
  type WhereFlags,
  withWhereFlags,
} from '../service-flags.ts';
import { Machine } from '../service-machine.ts';
import { planAgentRemoval, planRemoval } from '../service-plan.ts';
import { isPackaged } from '../service-units.ts';
import { show } from '../systemd-programs.ts';
import { addInstallCommand } from './service-install.ts';
import { addLogsCommand } from './service-logs.ts';
import { addRestartCommand } from './service-restart.ts';

export function addServiceCommand(program: Command, context: Context): void {
  const summary =
    'run agents and the broker with systemd: install, status, restart, logs, uninstall';
  const service = program.command('service').description(summary).summary(summary);
  service.showHelpAfterError('hint: see echolot service --help').addHelpText('after', EXAMPLES);
  addInstallCommand(service, context);
  addStatus(service, context);
  addRestartCommand(service, context);
  addLogsCommand(service, context);
  addUninstall(service, context);
}

function addStatus(service: Command, context: Context): void {
  addPlainCommand(service, {
    name: 'status',
    summary: 'what systemd says of the services; ends as systemctl status does',
    examples: ['echolot service status'],
  }).action(() => {
    context.exitCode = show('systemctl', ['status', '--no-pager', '--lines=3', ...SERVICE_UNITS]);
  });
}

function addUninstall(service: Command, context: Context): void {
  const command = addPlainCommand(service, {
    name: 'uninstall',
    summary: 'stop the services and remove them; settings and what they kept stay',
    examples: ['sudo echolot service uninstall edge-1', 'sudo echolot service uninstall --purge'],
  })
    .argument('[agent]', 'only this agent', readAgentName)
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

const EXAMPLES = `
Examples:
  sudo echolot service install broker
  sudo echolot service install agent --agent-id edge-1
  sudo echolot service install agent --agent-id edge-2 --password-file edge-2.password --model /opt/pump
  echolot service status
  sudo echolot service restart
  echolot service logs edge-1 --follow
  sudo echolot service uninstall edge-1`;
