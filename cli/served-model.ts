// The model that an agent serves: loaded as the settings say, with a line in the log for what becomes of it.
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Classifier } from '../agent/classifier.ts';
import { loadModel } from '../agent/load-model.ts';
import { CliError, EXIT } from './errors.ts';
import type { Settings } from './settings.ts';

type ModelSettings = Pick<
  Settings<'agent'>,
  'model' | 'modelKey' | 'runtime' | 'inference' | 'inferenceTimeout' | 'workers'
>;

/** @throws {CliError} the two contradict each other */
export function checkWorkers({
  inference,
  workers,
}: Pick<ModelSettings, 'inference' | 'workers'>): void {
  if (inference !== 'inline' || workers === 'auto' || workers === 1) return;
  throw new CliError(
    `--workers ${workers} and --inference inline exclude each other: in the agent's own process one run is computed at a time`,
    'Leave out one of the two (they may also come from ECHOLOT_WORKERS and ECHOLOT_INFERENCE).',
    { code: 'SETTING_INVALID', exitCode: EXIT.configuration },
  );
}

/** @throws {BundleRefusedError | SigningKeyError} as `loadModel` does */
export async function loadServedModel(
  settings: ModelSettings,
  agent: string,
  log: Logger,
): Promise<Classifier> {
  const { inference, inferenceTimeout, model, modelKey, runtime, workers } = settings;
  const classifier = await loadModel({
    directory: model,
    key: modelKey ?? undefined,
    runtime,
    inference,
    inferenceTimeoutMs: inferenceTimeout * 1000,
    workers,
    onWorker: (event) => {
      if (event.kind === 'started') log.warn(event, "the model's process is back");
      else if (event.kind === 'died')
        log.error(event, "the model's process died, starting another");
      else log.error(event, "the model's process does not start, readings are refused");
    },
  });
  const { inference: chosen, model: served, workers: processes = 0 } = classifier;
  log.info({ agent, model: served, inference: chosen, processes }, 'model loaded');
  return classifier;
}

/** Each agent has a folder of its own below the setting's. */
export function agentStateDir(stateDir: string, agentId: string): string {
  return join(stateDir, 'agents', agentId);
}
