// The outbox in processes that are killed at any moment, and on a disk that is full.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it } from 'vitest';
import { openOutboxStore } from './outbox-store.ts';
import { createRandom } from './random.ts';

const CHILD = fileURLToPath(new URL('./outbox.child.ts', import.meta.url));
const COMMAND = [process.execPath, '--import', 'tsx', CHILD];
const toClose: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of toClose.splice(0).reverse()) await close();
});

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'echolot-outbox-test-'));
  toClose.push(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'outbox');
}

/** Runs a process to its end, and gives its lines; kills it at the line `killAt`. */
async function run(command: readonly string[], killAt = Number.POSITIVE_INFINITY) {
  const [program = '', ...args] = command;
  const child: ChildProcess = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  toClose.push(() => child.kill('SIGKILL'));
  const lines: string[][] = [];
  let stderr = '';
  if (child.stdout === null) throw new Error('no output to read');
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const ended = once(child, 'close');
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line.split(' '));
    if (lines.length === killAt) child.kill('SIGKILL');
  }
  await ended;
  return { lines, stderr, code: child.exitCode };
}

const idsOf = (lines: readonly string[][], word: string) =>
  lines.filter(([first]) => first === word).map(([, id]) => id as string);

it('loses nothing that was accepted and forgets what was told, killed at random points', async () => {
  const folder = makeFolder();
  const random = createRandom(5);
  const accepted: string[] = [];
  const told = new Set<string>();
  for (let round = 0; round < 8; round += 1) {
    const killAt = 1 + Math.floor(random() * 800);
    // Some rounds leave nearly everything unanswered, so that much is carried over.
    const unanswered = String(round % 2 === 0 ? 0.95 : 0.1);
    const { lines } = await run([...COMMAND, 'run', folder, `k${round}`, unanswered], killAt);
    accepted.push(...idsOf(lines, 'accepted'));
    const ids = idsOf(lines, 'told');
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) told.add(id);
    expect(idsOf(lines, 'damaged')).toEqual([]);
  }
  expect(accepted.length).toBeGreaterThan(8);
  expect(accepted.some((id) => !told.has(id))).toBe(true);
  const drained = await run([...COMMAND, 'drain', folder]);
  expect(drained.code).toBe(0);
  const last = idsOf(drained.lines, 'told');
  expect(new Set(last).size).toBe(last.length);
  for (const id of last) told.add(id);
  expect(accepted.filter((id) => !told.has(id))).toEqual([]);
  const { lines } = await run([...COMMAND, 'drain', folder]);
  expect(lines).toEqual([]);
});

it('refuses what a full disk does not take, goes on when it does, and keeps what it accepted', async () => {
  const folder = makeFolder();
  // A limit on the size of files fails writes as a full disk does, and needs no disk.
  const limited = ['sh', '-c', 'ulimit -f 400 && exec "$@"', 'sh', ...COMMAND, 'fill', folder];
  const { code, lines, stderr } = await run(limited);
  expect(code, stderr).toBe(0);
  const refused = lines.filter(([word]) => word === 'refused');
  expect(refused.map(([, , problem]) => problem)).toEqual(Array(4).fill('OUTBOX_FULL'));
  expect(refused[0]?.join(' ')).toMatch(/could not be written to the disk/);
  const words = lines.map(([word]) => word);
  expect(words[words.indexOf('refused') + 1]).toBe('refused');
  expect(words.lastIndexOf('accepted')).toBeGreaterThan(words.indexOf('refused'));
  const { damage, kept, store } = await openOutboxStore(folder);
  await store.close();
  expect(damage).toBeNull();
  expect(kept.map(({ id }) => id)).toEqual(idsOf(lines, 'accepted'));
});

it('is refused to a second process, which is told why', async () => {
  const folder = makeFolder();
  const { store } = await openOutboxStore(folder);
  toClose.push(() => store.close());
  const { code, stderr } = await run([...COMMAND, 'drain', folder]);
  expect(stderr).toContain(`another process is using the outbox ${folder}`);
  expect(code).not.toBe(0);
});
