// The wall clock of a child jumps both ways and its other clocks do not, from source and from JavaScript.
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it } from 'vitest';
import { stepClock, steppingClockArgs } from './stepping-clock.ts';

const CHILD = fileURLToPath(new URL('./clock-teller.child.ts', import.meta.url));
const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

interface Told {
  readonly now: number;
  readonly constructed: number;
  readonly called: number;
  readonly monotonic: number;
  readonly timerMs: number;
  readonly fixed: string;
  readonly parts: number;
  readonly isDate: boolean;
}

async function start(): Promise<ChildProcess> {
  const child = fork(CHILD, { execArgv: steppingClockArgs() });
  children.push(child);
  await once(child, 'message');
  return child;
}

/** What the child tells, with how far its wall clock is from ours, at least and at most. */
async function ask(child: ChildProcess) {
  const before = Date.now();
  child.send('tell');
  const [told] = (await once(child, 'message')) as [Told];
  const distance = (time: number) => [time - Date.now(), time - before] as const;
  return { told, distance };
}

it.each([3_600_000, -86_400_000])('steps by %i ms, and by as much back', async (ms) => {
  const child = await start();
  const first = await ask(child);
  expect(await stepClock(child, ms)).toBe(true);
  const { told, distance } = await ask(child);
  for (const time of [told.now, told.constructed]) {
    const [least, most] = distance(time);
    expect(least).toBeLessThanOrEqual(ms);
    expect(most).toBeGreaterThanOrEqual(ms);
  }
  // Date() tells no milliseconds.
  expect(distance(told.called)[1]).toBeGreaterThanOrEqual(ms - 1000);
  expect(distance(told.called)[0]).toBeLessThanOrEqual(ms);
  expect(told.monotonic).toBeGreaterThan(first.told.monotonic);
  expect(told.monotonic - first.told.monotonic).toBeLessThan(60_000);
  expect(told.timerMs).toBeGreaterThan(90);
  expect(told).toMatchObject({ fixed: '1970-01-02T00:00:00.000Z', parts: 31, isDate: true });
  expect(await stepClock(child, -ms)).toBe(true);
  const again = await ask(child);
  expect(again.distance(again.told.now)[0]).toBeLessThanOrEqual(0);
  expect(again.distance(again.told.now)[1]).toBeGreaterThanOrEqual(0);
});

it('tells that a child that ended was not stepped', async () => {
  const child = await start();
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  const step = stepClock(child, 1000);
  await exit;
  expect(await step).toBe(false);
  expect(await stepClock(child, 1000)).toBe(false);
});

it('keeps no process alive', async () => {
  const args = [...steppingClockArgs(), '-e', 'console.log(new Date() - 0 > 0)'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
  children.push(child);
  const said = once(child.stdout as NonNullable<typeof child.stdout>, 'data');
  expect(await once(child, 'exit')).toEqual([0, null]);
  expect(String(await said)).toBe('true\n');
});
