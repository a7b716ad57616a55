// What becomes of what a piece of code makes: how much grows old, so that only V8's long collections free it, or stays.
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const STEPS = 20_000;
const STEPS_PER_COLLECTION = 500;

type Collect = (options?: { type: 'minor' }) => void;

/** Bytes a step, where nothing that a step makes is in use for longer than some steps. */
export function promotedBytes(step: () => void): number {
  const collect = collector();
  const round = () => {
    for (let taken = 0; taken < STEPS_PER_COLLECTION; taken += 1) step();
    collect({ type: 'minor' });
  };
  for (let warm = 0; warm < 4; warm += 1) round();
  collect();
  const before = oldBytes();
  for (let taken = 0; taken < STEPS; taken += STEPS_PER_COLLECTION) round();
  return (oldBytes() - before) / STEPS;
}

/** Bytes a step that are still there when all garbage is gone. */
export function keptBytes(step: () => void, steps: number): number {
  const before = settledHeap();
  for (let taken = 0; taken < steps; taken += 1) step();
  return (settledHeap() - before) / steps;
}

/** Bytes of the heap after a full collection. */
export function settledHeap(): number {
  collector()();
  return process.memoryUsage().heapUsed;
}

function collector(): Collect {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as Collect;
}

function oldBytes(): number {
  const spaces = getHeapSpaceStatistics().filter(({ space_name: name }) => name === 'old_space');
  return spaces.reduce((sum, space) => sum + space.space_used_size, 0);
}
