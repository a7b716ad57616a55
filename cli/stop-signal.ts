// Ctrl-C and its relatives: the first asks for a clean stop, a later second one forces the end.

/** npm passes on a Ctrl-C that the terminal has sent to everyone: twice within this time is once. */
const SAME_PRESS_MS = 500;

const NUMBERS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;
type StopSignal = keyof typeof NUMBERS;

export interface Stop {
  /** Resolves at the first request. */
  readonly requested: Promise<void>;
  readonly isRequested: boolean;
  /** Asks for the stop from inside, as when nobody reads our output any more. */
  request(): void;
  /** Takes the listeners away. */
  dispose(): void;
}

/** Listens for signals of the process until disposed. */
export function listenForStop(
  emitter: Pick<NodeJS.Process, 'on' | 'off'> = process,
  exit: (code: number) => void = (code) => process.exit(code),
  clock: () => number = () => performance.now(),
): Stop {
  let firstAt: number | null = null;
  let resolve: () => void = () => {};
  const requested = new Promise<void>((done) => {
    resolve = done;
  });
  const request = () => {
    firstAt ??= clock();
    resolve();
  };
  const onSignal = (signal: StopSignal) => {
    if (firstAt !== null && clock() - firstAt > SAME_PRESS_MS) exit(128 + NUMBERS[signal]);
    request();
  };
  const signals = Object.keys(NUMBERS) as StopSignal[];
  for (const signal of signals) emitter.on(signal, onSignal);
  return {
    requested,
    get isRequested() {
      return firstAt !== null;
    },
    request,
    dispose: () => {
      for (const signal of signals) emitter.off(signal, onSignal);
    },
  };
}
