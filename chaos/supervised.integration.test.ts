// A supervised process: started again after each end, until it is stopped or has finished; nothing of it is left.
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Recipe, Supervised } from './supervised.ts';

let folder: string;
let supervised: Supervised | null = null;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'echolot-supervised-'));
});
afterEach(async () => {
  await supervised?.stop();
  supervised = null;
  rmSync(folder, { recursive: true, force: true });
});

function start(script: string, more: Partial<Recipe> = {}): Supervised {
  const args = ['-e', script];
  const logFile = join(folder, 'log');
  supervised = new Supervised({
    name: 'p',
    command: process.execPath,
    args,
    env: { PATH: '' },
    logFile,
    ...more,
  });
  supervised.start();
  return supervised;
}

/** As long as the test may take. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await sleep(10);
}

it('starts it again when it is killed, which is no end of its own', async () => {
  const running = start("console.log('up'); setInterval(() => {}, 1000)");
  const first = running.running?.pid;
  await until(() => running.logTail() === 'up\n');
  running.kill();
  await until(() => running.logTail() === 'up\nup\n');
  expect(running.running?.pid).not.toBe(first);
  expect(running).toMatchObject({ starts: 2, ownEnds: [], orphans: 0 });
});

it('leaves it away while it is held, and starts it at the release', async () => {
  const running = start("console.log('up'); setInterval(() => {}, 1000)");
  await until(() => running.logTail() === 'up\n');
  running.hold();
  running.kill();
  await until(() => running.running === null);
  // Longer than until a restart.
  await sleep(700);
  expect(running).toMatchObject({ running: null, starts: 1 });
  running.release();
  await until(() => running.logTail() === 'up\nup\n');
});

it('notes ends of its own, and starts again', async () => {
  const running = start('process.exit(7)');
  await until(() => running.starts === 2);
  expect(running.ownEnds[0]).toEqual({ name: 'p', how: 'exit 7' });
});

it('says what does not start', async () => {
  const running = start('', { command: join(folder, 'missing') });
  await until(() => running.ownEnds.length > 0);
  expect(running.ownEnds[0]?.how).toMatch(/does not start: .*ENOENT/);
});

it('leaves what has finished', async () => {
  const running = start('', { mayFinish: true });
  await until(() => running.isFinished);
  expect(running).toMatchObject({ starts: 1, ownEnds: [] });
});

it('kills what outlives its parent, and counts it', async () => {
  const pidFile = join(folder, 'pid');
  const script = `const { spawn } = require('node:child_process');
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
    require('node:fs').writeFileSync(${JSON.stringify(pidFile)}, String(child.pid));
    setInterval(() => {}, 1000)`;
  writeFileSync(pidFile, '');
  const running = start(script);
  await until(() => readFileSync(pidFile, 'utf8') !== '');
  const orphan = Number(readFileSync(pidFile, 'utf8'));
  running.kill();
  await until(() => running.orphans === 1);
  await until(() => !isThere(orphan));
});

it('stops what is stopped by SIGSTOP, too', async () => {
  const running = start("console.log('up'); setInterval(() => {}, 1000)");
  await until(() => running.logTail() === 'up\n');
  const child = running.running;
  child?.kill('SIGSTOP');
  const ended = child && once(child, 'exit');
  await running.stop();
  expect(await ended).toEqual([null, 'SIGTERM']);
});

function isThere(pid: number): boolean {
  try {
    // Killed and not yet waited for by init, it is a zombie.
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
