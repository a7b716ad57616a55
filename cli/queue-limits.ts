// The settings of the queue as the limits of an agent.
import type { IntakeLimits } from '../agent/intake.ts';
import type { AllSettings } from './settings.ts';

export function queueLimits({
  queueBytes,
  queueRows,
  queueSeconds,
}: Pick<AllSettings, 'queueBytes' | 'queueRows' | 'queueSeconds'>): IntakeLimits {
  return { rows: queueRows, bytes: queueBytes, waitMs: queueSeconds * 1000 };
}
