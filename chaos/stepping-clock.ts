// Steps the wall clock of a child process, forward and back, while its monotonic clocks go on.
import type { ChildProcess } from 'node:child_process';
import { createRequire } from 'node:module';

let lastId = 0;

/**
 * Arguments of Node, before the script, for a child whose clock can be stepped; it needs an `ipc` channel.
 * From source the loader that reads TypeScript is among them.
 */
export function steppingClockArgs(): string[] {
  // From source this file ends in .ts, and so does the other one.
  const isSource = import.meta.url.endsWith('.ts');
  const preload = new URL(`./stepping-clock.child.${isSource ? 'ts' : 'js'}`, import.meta.url);
  const loader = isSource ? ['--import', createRequire(import.meta.url).resolve('tsx')] : [];
  return [...loader, '--import', preload.href];
}

/**
 * Moves the child's wall clock, on top of earlier steps.
 * @param ms forward; negative: back
 * @returns once the child has done it; false where the child ended before, or has no channel
 */
export function stepClock(child: ChildProcess, ms: number): Promise<boolean> {
  lastId += 1;
  const id = lastId;
  return new Promise((resolve) => {
    const settle = (isDone: boolean) => {
      child.off('message', onMessage);
      child.off('disconnect', onEnd);
      resolve(isDone);
    };
    const onEnd = () => settle(false);
    const onMessage = (message: unknown) => {
      const { echolotClockStepped } = (message ?? {}) as { readonly echolotClockStepped?: unknown };
      if (echolotClockStepped === id) settle(true);
    };
    if (!child.connected) {
      resolve(false);
      return;
    }
    child.on('message', onMessage);
    child.on('disconnect', onEnd);
    child.send({ echolotClockStep: { id, ms } }, (error) => {
      if (error) settle(false);
    });
  });
}
