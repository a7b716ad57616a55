// The agent that runs beside its broker in one process: its identity, its start and its end.
import type { Logger } from 'pino';
import { type Agent, startAgent } from '../agent/agent.ts';
import type { Classifier } from '../agent/classifier.ts';
import type { AgentLimits } from '../agent/options.ts';
import type { EmbeddedBroker } from '../broker/embedded-broker.ts';
import type { IdentityStore } from '../broker/identity-store.ts';
import { urlOf } from './broker-address.ts';
import { CliError, EXIT } from './errors.ts';

/**
 * A password for the agent, new at every start, so that none has to lie in a file.
 * @throws {CliError} the name belongs to an identity of another role
 */
export async function renewPredictor(store: IdentityStore, agentId: string): Promise<string> {
  const known = store.find(agentId);
  if (known && known.role !== 'predictor') {
    throw new CliError(
      `the identity ${agentId} is a ${known.role}, so the agent cannot use its name`,
      'Choose another name with --agent-id (or ECHOLOT_AGENT_ID).',
      { code: 'AGENT_ID_TAKEN', exitCode: EXIT.configuration },
    );
  }
  const { password } = known ? await store.rotate(agentId) : await store.add(agentId, 'predictor');
  return password;
}

interface OwnAgentOptions {
  readonly agentId: string;
  readonly password: string;
  readonly broker: EmbeddedBroker;
  readonly classifier: Classifier;
  readonly namespace: string;
  readonly group: string;
  readonly log: Logger;
  readonly stateDir?: string;
  readonly limits?: Partial<AgentLimits>;
}

export function startOwnAgent(options: OwnAgentOptions): Agent {
  const { agentId, broker, classifier, group, limits, log, namespace, password, stateDir } =
    options;
  return startAgent({
    agentId,
    bus: { url: urlOf(broker), username: agentId, password },
    classifiers: [classifier],
    namespace,
    group,
    log,
    ...(stateDir !== undefined && { stateDir }),
    ...(limits !== undefined && { limits }),
  });
}
