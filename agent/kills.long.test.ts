// Agents killed again and again under load, one of them for good: every reading of plain clients is answered.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { openLoop, PlainClient, quantile, tally, untilAnswered } from './load.fixture.ts';
import { type Rig, startRig } from './rig.fixture.ts';

const PER_SECOND = 2000;
const DURATION_MS = 60_000;
const KILL_EVERY_MS = 5000;
/** As `RestartSec=500ms` of a unit does. */
const RESTART_AFTER_MS = 500;
/** Longer than what a dead agent may take to be adopted, and the adoption itself. */
const QUIET_MS = 60_000;

const AGENTS = ['edge-1', 'edge-2', 'edge-3'];
const CLIENTS = ['buoy-1', 'buoy-2', 'buoy-3', 'buoy-4'];

let rig: Rig | null = null;
afterEach(async () => {
  await rig?.stop();
  rig = null;
});

it('answers every reading while one of three agents is killed every 5 s, one of them for good', async () => {
  rig = await startRig({ agents: AGENTS, clients: CLIENTS });
  const { connect, startAgent } = rig;
  const agents = AGENTS.map((id) => startAgent(id));
  await rig.untilOnline(AGENTS.length);
  const clients = await Promise.all(
    CLIENTS.map(async (name) => PlainClient.start(await connect(name), { name })),
  );

  let kills = 0;
  const killing = (async () => {
    const alive = [...agents];
    const restarts: Promise<void>[] = [];
    const startedMs = performance.now();
    for (let atMs = KILL_EVERY_MS; atMs <= DURATION_MS; atMs += KILL_EVERY_MS) {
      await sleep(startedMs + atMs - performance.now());
      const victim = alive.shift();
      await victim?.end();
      kills += 1;
      if (!victim || atMs * 2 === DURATION_MS) continue;
      alive.push(victim);
      restarts.push(sleep(RESTART_AFTER_MS).then(() => victim.start()));
    }
    await Promise.all(restarts);
    return alive.length;
  })();
  const pace = await openLoop(PER_SECOND, DURATION_MS, (number) =>
    clients[number % clients.length]?.send(),
  );
  const left = await killing;
  const endedMs = performance.now();
  await untilAnswered(clients, QUIET_MS);

  const sent = clients.flatMap((client) => client.sent);
  const latencies = sent.flatMap(({ answeredMs, outcome, sentMs }) =>
    outcome === null ? [] : [answeredMs - sentMs],
  );
  const counts = tally(sent);
  const lost = counts.get(null) ?? 0;
  const wrong = clients.reduce((sum, client) => sum + client.wrong, 0);
  console.log(
    `kills | sent ${sent.length} at ${pace.reachedPerSecond.toFixed(0)}/s (latest ${pace.latestMs.toFixed(0)} ms)` +
      ` | kills ${kills}, for good ${AGENTS.length - left} | lost ${lost}, wrong ${wrong}` +
      ` | outcomes ${JSON.stringify([...counts])}` +
      ` | answered again ${sent.filter(({ answers }) => answers > 1).length}` +
      ` | latency p50 ${quantile(latencies, 0.5).toFixed(1)}, p99 ${quantile(latencies, 0.99).toFixed(0)},` +
      ` max ${quantile(latencies, 1).toFixed(0)} ms | last answer ${(performance.now() - endedMs).toFixed(0)} ms after the last reading`,
  );
  expect(kills).toBe(DURATION_MS / KILL_EVERY_MS);
  expect(left).toBe(AGENTS.length - 1);
  expect(sent.filter(({ takenMs }) => takenMs === null)).toEqual([]);
  expect({ lost, wrong }).toEqual({ lost: 0, wrong: 0 });
});
