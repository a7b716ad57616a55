// echolot agent: one predictor, from its settings to its drain.
import { type Command, Option } from 'commander';
import type { Logger } from 'pino';
import { startAgent } from '../../agent/agent.ts';
import { announceRefusal } from '../../agent/announce-refusal.ts';
import { addCommand, settingsOf } from '../command.ts';
import { readConnection, requireAgentId } from '../connection.ts';
import type { Context } from '../context.ts';
import { type HealthFile, openHealthFile } from '../health-file.ts';
import { queueLimits } from '../queue-limits.ts';
import { agentStateDir, checkWorkers, loadServedModel } from '../served-model.ts';
import { keepHeapSmall } from '../small-heap.ts';
import { type PrettyFlag, startServiceLog, withLogFlags } from '../service-log.ts';
import type { Settings } from '../settings.ts';
import { listenForStop } from '../stop-signal.ts';
import { connectManager, superviseAgent } from '../supervision.ts';

interface AgentFlags extends PrettyFlag {
  readonly keepSession?: boolean;
  readonly leave?: boolean;
}

/** Who hears of the agent. */
interface Surroundings extends Pick<Context, 'env'> {
  readonly file: HealthFile | null;
  readonly log: Logger;
}

export function addAgentCommand(program: Command, context: Context): void {
  const command = addCommand(program, {
    name: 'agent',
    summary: 'serve a model: answer the readings of clients on a broker',
    kind: 'agent',
    examples: [
      'echolot agent --agent-id edge-1 --password-file edge-1.password',
      'echolot agent --broker-url mqtts://broker:8883 --ca ca.pem --model ./my-bundle',
    ],
  });
  withLogFlags(command)
    .option('--keep-session', 'at the end, let the broker keep readings for our return')
    .addOption(
      new Option(
        '--leave',
        'at the end, leave nothing with the broker, even if nobody else serves',
      ).conflicts('keepSession'),
    )
    .action(async (flags: AgentFlags) => {
      await runAgent(settingsOf('agent', context, command), flags, context);
    });
}

async function runAgent(
  settings: Settings<'agent'>,
  flags: AgentFlags,
  context: Context,
): Promise<void> {
  keepHeapSmall();
  const log = startServiceLog(context, settings.logLevel, flags);
  const file = openHealthFile(settings.healthFile, log);
  try {
    await serve(settings, flags, { env: context.env, file, log });
  } finally {
    file?.remove();
  }
}

async function serve(
  settings: Settings<'agent'>,
  { keepSession = false, leave = false }: AgentFlags,
  { env, file, log }: Surroundings,
): Promise<void> {
  const { group, namespace } = settings;
  const stop = listenForStop();
  const agentId = requireAgentId(settings);
  const bus = readConnection(settings, agentId, log);
  checkWorkers(settings);
  const classifier = await loadServedModel(settings, agentId, log).catch(async (error: unknown) => {
    const reason = `model refused: ${error instanceof Error ? error.message : String(error)}`;
    await announceRefusal({ agentId, bus, namespace, group }, reason);
    throw error;
  });
  const agent = startAgent({
    agentId,
    bus,
    classifiers: [classifier],
    namespace,
    group,
    log,
    stateDir: agentStateDir(settings.stateDir, agentId),
    adoption: { graceMs: settings.adoptAfter * 1000 },
    limits: { intake: queueLimits(settings) },
  });
  const { model } = classifier;
  const name = `${model.name} ${model.version} (${model.runtime})`;
  const notify = await connectManager(env, log);
  const supervision = superviseAgent(agent, name, { notify, file });
  try {
    await Promise.race([stop.requested, agent.failed]);
  } finally {
    supervision.stopping();
    await agent.stop({ keepSession, leave });
    supervision.end();
  }
}
