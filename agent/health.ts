// What an agent can prove of itself at a moment: that it hears and answers, or at least that its model computes.
import type { Classifier } from './classifier.ts';

export interface Health {
  readonly isConnected: boolean;
  /** A question to itself came back answered, through the broker. */
  readonly isAnswered: boolean;
  /** Its model computed, within the time that was given. */
  readonly isComputing: boolean;
  /** Readings since the start. */
  readonly received: number;
  readonly inHand: number;
}

/** Whether the model computes a harmless row in time, where it computes the readings. Never rejects. */
export async function isComputing(classifier: Classifier, timeoutMs: number): Promise<boolean> {
  const { width, minimum, maximum } = classifier.limits;
  const row = new Float32Array(width).fill((minimum + maximum) / 2);
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), timeoutMs);
  });
  const computed = classifier.classify(row, 1).then(
    () => true,
    () => false,
  );
  const isInTime = await Promise.race([computed, limit]);
  clearTimeout(timer);
  return isInTime;
}
