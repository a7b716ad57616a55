// echolot up: a broker and an agent in one process, on a store that stays.
import { startEmbeddedBroker } from '../broker/embedded-broker.ts';
import { openIdentityStore } from '../broker/identity-store.ts';
import { urlOf } from './broker-address.ts';
import { requireAgentId } from './connection.ts';
import type { Context } from './context.ts';
import { renewPredictor, startOwnAgent } from './own-agent.ts';
import { loadExtension } from './policy.ts';
import { queueLimits } from './queue-limits.ts';
import { agentStateDir, checkWorkers, loadServedModel } from './served-model.ts';
import { type PrettyFlag, startServiceLog } from './service-log.ts';
import type { Settings } from './settings.ts';
import { shellWord } from './shell-word.ts';
import { listenForStop } from './stop-signal.ts';

export async function runUp(
  settings: Settings<'up'>,
  context: Context,
  flags: PrettyFlag,
): Promise<void> {
  const { dataDir, group, host, namespace, port, wsPort } = settings;
  const log = startServiceLog(context, settings.logLevel, flags);
  const stop = listenForStop();
  const agentId = requireAgentId(settings);
  checkWorkers(settings);
  const extension = await loadExtension(settings);
  const store = await openIdentityStore(settings.store);
  const classifier = await loadServedModel(settings, agentId, log);
  const broker = await startEmbeddedBroker({
    store,
    host,
    port,
    wsPort: wsPort === 'off' ? null : wsPort,
    ...(dataDir === null ? {} : { dataDir }),
    namespace,
    group,
    extension,
    log,
  });
  try {
    const password = await renewPredictor(store, agentId);
    const agent = startOwnAgent({
      agentId,
      password,
      broker,
      classifier,
      namespace,
      group,
      log,
      stateDir: agentStateDir(settings.stateDir, agentId),
      limits: { intake: queueLimits(settings) },
    });
    try {
      await Promise.race([agent.ready, stop.requested, agent.failed]);
      if (!stop.isRequested) {
        context.stdout.write(welcome(settings, agentId, classifier.model.name, urlOf(broker)));
      }
      await Promise.race([stop.requested, agent.failed]);
    } finally {
      await agent.stop({ timeoutMs: 1000 });
    }
  } finally {
    await broker.stop();
  }
}

function welcome({ store }: Settings<'up'>, agentId: string, model: string, url: string): string {
  return `${agentId} serves ${model} on ${url}. Add a client, and ask:

echolot identity add dev-1 --role client --store ${shellWord(store)} > dev-1.password
echolot classify --broker-url ${url} --client-id dev-1 --password-file dev-1.password --file reading.json
`;
}
