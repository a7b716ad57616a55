// A broker that is gone for ten minutes: what was captured meanwhile is published in order and answered.
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it } from 'vitest';
import { type Rig, startRig } from '../agent/rig.fixture.ts';

const READINGS = 50_000;
const OUTAGE_MS = 600_000;
/** All are captured while the broker is away. */
const CAPTURE_MS = OUTAGE_MS * 0.95;
const QUIET_MS = 120_000;
const MEMORY_BYTES = 400 * 2 ** 20;
const MEGABYTE = 2 ** 20;

const CHILD = fileURLToPath(new URL('./outage.child.ts', import.meta.url));
const CLIENT = 'buoy-1';
const DROPPED = '$SYS/broker/publish/messages/dropped';
const UPTIME = '$SYS/broker/uptime';

interface Line {
  readonly event: string;
  readonly [field: string]: unknown;
}

let rig: Rig | null = null;
let child: ChildProcess | null = null;
afterEach(async () => {
  child?.kill('SIGKILL');
  child = null;
  await rig?.stop();
  rig = null;
});

it('publishes 50,000 readings in order of capture after ten minutes without a broker, and all are answered', async () => {
  rig = await startRig({ agents: ['edge-1'], clients: [CLIENT] });
  const { broker, folder, operator, passwordFile, startAgent, stats } = rig;
  startAgent('edge-1');
  await rig.untilOnline(1);

  const firsts: number[] = [];
  const seen = new Set<number>();
  let dropped: number | null = null;
  let uptimes = 0;
  operator.on('message', (topic, payload, { retain }) => {
    if (topic === DROPPED) dropped = Number(payload.toString());
    else if (topic === UPTIME && !retain) uptimes += 1;
    else if (topic.includes('/readings/')) {
      const number = Number((JSON.parse(payload.toString()) as { id: string }).id);
      if (!seen.has(number)) firsts.push(number);
      seen.add(number);
    }
  });
  const readings = `echolot/v1/readings/${CLIENT}/+`;
  await operator.subscribeAsync([readings, DROPPED, UPTIME], { qos: 1 });

  const client = startChild([
    broker.clientsUrl,
    CLIENT,
    passwordFile(CLIENT),
    join(folder, 'outbox'),
    String(READINGS),
    String(CAPTURE_MS),
  ]);
  child = client.process;
  await client.until('connected');
  await broker.end();
  const goneMs = performance.now();
  await client.until('lost');
  child.stdin?.write('go\n');
  const captured = await client.until('captured');
  await sleep(goneMs + OUTAGE_MS - performance.now());
  const beforeReturn = seen.size;
  const agentBytes = stats.at(-1)?.memory.rssBytes ?? 0;
  const samplesBefore = stats.length;
  // A value of the broker before does not count.
  dropped = null;
  await broker.start();
  const backMs = performance.now();

  let last = { count: 0, atMs: backMs };
  while (!client.has('done') && performance.now() - last.atMs < QUIET_MS) {
    await sleep(100);
    if (seen.size > last.count) last = { count: seen.size, atMs: performance.now() };
  }
  const tookMs = performance.now() - backMs;
  const isDone = client.has('done');
  const done: Line = isDone ? await client.until('done') : { event: 'never done' };
  // One whole interval of the broker's own counts, begun after everything.
  const uptimesThen = uptimes;
  while (uptimes < uptimesThen + 2) await sleep(100);

  const after = stats.slice(samplesBefore).map(({ memory }) => memory.rssBytes);
  const outOfOrder = firsts.filter((number, index) => number !== index).length;
  console.log(
    `outage | broker gone ${(backMs - goneMs).toFixed(0)} ms, ${READINGS} readings captured, ${String(captured['kept'])} kept, ${String(captured['refused'])} refused` +
      ` | all done ${tookMs.toFixed(0)} ms after its return: ${JSON.stringify(done)}` +
      ` | first publications ${firsts.length}, out of order ${outOfOrder} | dropped by the broker ${String(dropped)}` +
      ` | client rss ${mebibytes(captured['startBytes'])} to at most ${mebibytes(done['mostBytes'])} MB` +
      ` | agent rss ${mebibytes(agentBytes)} to at most ${mebibytes(Math.max(...after))} MB`,
  );
  expect(beforeReturn).toBe(0);
  expect(captured).toMatchObject({ kept: READINGS, refused: 0 });
  expect(done).toMatchObject({ told: READINGS, twice: 0, outcomes: { prediction: READINGS } });
  expect(firsts.length).toBe(READINGS);
  expect(outOfOrder).toBe(0);
  expect(dropped).toBe(0);
  expect(Number(done['mostBytes'])).toBeLessThan(MEMORY_BYTES);
  expect(Math.max(...after)).toBeLessThan(MEMORY_BYTES);
});

function mebibytes(bytes: unknown): string {
  return (Number(bytes) / MEGABYTE).toFixed(0);
}

/** A process that says JSON lines; `until` gives the first with that event. */
function startChild(args: readonly string[]) {
  const started = spawn(process.execPath, ['--import', 'tsx', CHILD, ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines: Line[] = [];
  let wake = () => {};
  let code: number | null = null;
  createInterface({ input: started.stdout }).on('line', (line) => {
    lines.push(JSON.parse(line) as Line);
    wake();
  });
  started.on('close', (ended) => {
    code = ended ?? -1;
    wake();
  });
  const find = (event: string) => lines.find((line) => line.event === event);
  return {
    process: started,
    has: (event: string) => find(event) !== undefined,
    async until(event: string): Promise<Line> {
      for (;;) {
        const line = find(event);
        if (line) return line;
        if (code !== null) throw new Error(`the client ended with ${code} before it was ${event}`);
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}
