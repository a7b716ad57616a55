// Time and chance as the core of the devices sees them, so that tests can hold both in hand.

export interface Clock {
  /** Milliseconds of a clock that no one sets: steps of the wall clock do not reach it. */
  now(): number;
  /** Runs once after `delayMs`; the returned function takes that back. */
  after(delayMs: number, run: () => void): () => void;
  /** 0 (inclusive) to 1 (exclusive). */
  random(): number;
}

/** Longer delays make Node fire at once (setTimeout counts in 31 bits). */
const LONGEST_MS = 2 ** 31 - 1;

/** A waiting timer keeps the process alive: a call that waits for its outcome must get it. */
export const systemClock: Clock = {
  now: () => performance.now(),
  after(delayMs, run) {
    const timer = setTimeout(run, Math.min(delayMs, LONGEST_MS));
    return () => clearTimeout(timer);
  },
  random: Math.random,
};
