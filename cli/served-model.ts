// The model that an agent serves: loaded as the settings say, with a line in the log for what becomes of it.
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Classifier, WorkerState } from '../agent/classifier.ts';
import { loadModel } from '../agent/load-model.ts';
import type { WorkerEvent } from '../agent/restarting-worker.ts';
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
  // One of several may die while others still load the model.
  let served: Classifier | null = null;
  const classifier = await loadModel({
    directory: model,
    key: modelKey ?? undefined,
    runtime,
    inference,
    inferenceTimeoutMs: inferenceTimeout * 1000,
    workers,
    onWorker: (event) => logWorker(event, served?.describeWorkers?.() ?? [], log),
  });
  served = classifier;
  const { inference: chosen, model: reference, workers: processes = 0 } = classifier;
  log.info({ agent, model: reference, inference: chosen, processes }, 'model loaded');
  return classifier;
}

/** @param workers all of the model's processes, as they are now */
export function logWorker(event: WorkerEvent, workers: readonly WorkerState[], log: Logger): void {
  if (event.kind === 'started') log.warn(event, "the model's process is back");
  else if (event.kind === 'died') log.error(event, "the model's process died, starting another");
  else if (workers.length > 0 && workers.every(({ state }) => state === 'down'))
    log.error(event, "the model's process does not start, readings are refused");
  else log.error(event, "one of the model's processes does not start, the others serve");
}

/** Each agent has a folder of its own below the setting's. */
export function agentStateDir(stateDir: string, agentId: string): string {
  return join(stateDir, 'agents', agentId);
}
