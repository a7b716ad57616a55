// Five times what an agent can do, for a minute: everything is answered in time, and little of its work is lost.
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { createClient } from '../devices/client.ts';
import {
  measureCapacity,
  openLoop,
  PlainClient,
  predictionsBetween,
  quantile,
  tally,
  untilAnswered,
} from './load.fixture.ts';
import { type Rig, startRig } from './rig.fixture.ts';
import { writeSlowModel } from './slow-model.fixture.ts';

const CAPACITY_MS = 10_000;
/** Enough that the agent never waits for a reading, and too few to be too much for it. */
const WINDOW = 32;
const TIMES = 5;
const DURATION_MS = 60_000;
/** What the client library gives a reading unless it is told otherwise. */
const TIMEOUT_MS = 5000;
const QUIET_MS = 30_000;
/** Of the agent and of the process of its model; idle they take about 200 MB. */
const MEMORY_BYTES = 400 * 2 ** 20;

const MODEL = { name: 'linear', width: 4 };
const FLOODERS = ['flood-1', 'flood-2', 'flood-3', 'flood-4'];
const MEGABYTE = 2 ** 20;

let rig: Rig | null = null;
afterEach(async () => {
  await rig?.stop();
  rig = null;
});

it.each(['inline', 'process'])(
  'answers all that the broker took, in time, at five times its capacity, and starves nobody: %s',
  async (place) => {
    const names = ['probe-1', 'calm-1', ...FLOODERS];
    rig = await startRig({ agents: ['edge-1'], clients: names, models: [MODEL.name] });
    const { broker, connect, folder, passwordFile, startAgent } = rig;
    await writeSlowModel({ folder: join(folder, 'slow'), millisecondsPerRow: 2 });
    const model = ['--model', join(folder, 'slow'), '--inference', place];
    // With a worker for each core the flood takes its processor time from them, and what they do without it is no
    // measure of what they could do.
    const agent = startAgent('edge-1', [...model, '--workers', '1']);
    await rig.untilOnline(1);

    const probe = await PlainClient.start(await connect('probe-1'), {
      name: 'probe-1',
      model: MODEL,
    });
    const before = await measureCapacity(probe, WINDOW, CAPACITY_MS);
    await untilAnswered([probe], QUIET_MS);
    const flooders = await Promise.all(
      FLOODERS.map(async (name) =>
        PlainClient.start(await connect(name), { name, model: MODEL, deadlineAfterMs: TIMEOUT_MS }),
      ),
    );
    const login = { clientId: 'calm-1', passwordFile: passwordFile('calm-1'), model: MODEL.name };
    const calm = createClient({ url: broker.clientsUrl, ...login });
    await calm.classify([0.1, 0.2, 0.3, 0.4]);

    const calmly: Promise<{ outcome: string; tookMs: number }>[] = [];
    const ask = async () => {
      const startedMs = performance.now();
      const result = await calm.classify([0.4, 0.3, 0.2, 0.1], { timeoutMs: TIMEOUT_MS });
      const outcome = result.ok ? 'prediction' : result.problem.code;
      return { outcome, tookMs: performance.now() - startedMs };
    };
    const rss: number[] = [];
    const watch = setInterval(() => {
      void agent.residentBytes().then((bytes) => rss.push(bytes));
    }, 1000);
    const startedMs = performance.now();
    const [pace] = await Promise.all([
      openLoop(before * TIMES, DURATION_MS, (number) => flooders[number % flooders.length]?.send()),
      openLoop(10, DURATION_MS, () => calmly.push(ask())),
    ]);
    const endedMs = performance.now();
    await untilAnswered(flooders, QUIET_MS);
    const calmResults = await Promise.all(calmly);
    await calm.close();
    clearInterval(watch);
    const after = await measureCapacity(probe, WINDOW, CAPACITY_MS);
    await untilAnswered([probe], QUIET_MS);
    // The machine may have become slower or faster meanwhile, by other work or by heat.
    const capacity = (before + after) / 2;

    const sent = flooders.flatMap((client) => client.sent);
    const taken = sent.filter(({ takenMs }) => takenMs !== null);
    const outcomes = tally(taken);
    const lost = outcomes.get(null) ?? 0;
    const late = taken.filter(
      ({ answeredMs, outcome, sentMs }) =>
        outcome !== null && outcome !== 'DEADLINE_PASSED' && answeredMs - sentMs > TIMEOUT_MS,
    ).length;
    const took = (wanted: string) =>
      taken.flatMap(({ answeredMs, outcome, sentMs }) =>
        outcome === wanted ? [answeredMs - sentMs] : [],
      );
    const times = (list: readonly number[]) =>
      [0.5, 0.99, 1].map((share) => quantile(list, share).toFixed(0)).join('/');
    const calmPredictions = calmResults.filter(({ outcome }) => outcome === 'prediction');
    const useful =
      ((predictionsBetween(sent, startedMs, endedMs) + calmPredictions.length) * 1000) /
      (endedMs - startedMs);
    const wrong = flooders.reduce((sum, client) => sum + client.wrong, 0);
    console.log(
      `overload, ${place} | capacity before ${before.toFixed(0)}/s, after ${after.toFixed(0)}/s | flood ${pace.reachedPerSecond.toFixed(0)}/s (${(pace.reachedPerSecond / before).toFixed(2)} times)` +
        ` | sent ${sent.length}, taken ${taken.length}, lost ${lost}, wrong ${wrong}, late ${late}` +
        ` | outcomes ${JSON.stringify([...outcomes])} | useful ${useful.toFixed(0)}/s (${((100 * useful) / capacity).toFixed(1)} %)` +
        ` | p50/p99/max ms: prediction ${times(took('prediction'))}, OVERLOADED ${times(took('OVERLOADED'))}` +
        ` | calm client ${JSON.stringify([...tallyOutcomes(calmResults)])}, ${times(calmResults.map(({ tookMs }) => tookMs))} ms` +
        ` | rss ${((rss[0] ?? 0) / MEGABYTE).toFixed(0)} to at most ${(Math.max(...rss) / MEGABYTE).toFixed(0)} MB`,
    );
    // Otherwise it was no measure of the capacity.
    expect([...tally(probe.sent).keys()]).toEqual(['prediction']);
    expect({ lost, wrong, late }).toEqual({ lost: 0, wrong: 0, late: 0 });
    expect(taken.length).toBe(sent.length);
    expect(new Set(outcomes.keys())).toEqual(new Set(['prediction', 'OVERLOADED']));
    expect(useful).toBeGreaterThanOrEqual(0.9 * capacity);
    expect(Math.max(...rss)).toBeLessThan(MEMORY_BYTES);
    expect(calmPredictions.length).toBe(calmResults.length);
  },
);

function tallyOutcomes(results: readonly { outcome: string }[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { outcome } of results) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  return counts;
}
