// Preloaded into a child process: its wall clock jumps when its parent says so. See stepping-clock.ts.

/**
 * `Date` alone: timers, `performance.now()` and `process.hrtime()` go on evenly, as they do when somebody
 * sets a machine's clock. What native code reads (times of files, dates of certificates) does not jump.
 */
let offsetMs = 0;
const RealDate = Date;
const realNow = Date.now.bind(Date);
const now = () => realNow() + offsetMs;

RealDate.now = now;
const SteppingDate = new Proxy(RealDate, {
  apply: () => new RealDate(now()).toString(),
  construct: (target, args: unknown[], newTarget) =>
    Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget) as object,
});
RealDate.prototype.constructor = SteppingDate;
globalThis.Date = SteppingDate;

process.on('message', (message: unknown) => {
  const { echolotClockStep } = (message ?? {}) as { readonly echolotClockStep?: unknown };
  if (typeof echolotClockStep !== 'object' || echolotClockStep === null) return;
  const { id, ms } = echolotClockStep as { readonly id: number; readonly ms: number };
  offsetMs += ms;
  process.send?.({ echolotClockStepped: id });
});
// The channel keeps the process alive while others listen too, as it would without this listener.
process.channel?.unref();
process.on('newListener', (event) => {
  if (event === 'message') process.channel?.ref();
});
process.on('removeListener', (event) => {
  if (event === 'message' && process.listenerCount('message') === 1) process.channel?.unref();
});
