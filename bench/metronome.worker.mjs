// Beats time in a thread of its own: timers of the event loop come up to a millisecond late, this some 0.1 ms.
import { parentPort, workerData } from 'node:worker_threads';

/** Milliseconds on the clock that all threads share. */
const now = () => Number(process.hrtime.bigint()) / 1e6;

const { periodMs, beats } = workerData;
const never = new Int32Array(new SharedArrayBuffer(4));

parentPort.once('message', () => {
  const startMs = now();
  for (let beat = 0; beat < beats; beat += 1) {
    const dueMs = startMs + beat * periodMs;
    const leftMs = dueMs - now();
    if (leftMs > 0) Atomics.wait(never, 0, 0, leftMs);
    parentPort.postMessage(dueMs);
  }
});
parentPort.postMessage('ready');
