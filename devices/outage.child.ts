// For tests: a client with an outbox in a process of its own, which captures readings at a steady pace when told to.
import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from './client.ts';

const [url = '', clientId = '', passwordFile = '', folder = '', count = '', durationMs = ''] =
  process.argv.slice(2);
const total = Number(count);

const say = (line: object) => writeSync(1, `${JSON.stringify(line)}\n`);

const told = new Map<string, number>();
const outcomes = new Map<string, number>();
let mostBytes = 0;
const client = createClient({
  url,
  clientId,
  passwordFile,
  outbox: { folder },
  onAnswer: ({ id, result }) => {
    told.set(id, (told.get(id) ?? 0) + 1);
    const outcome = result.ok ? 'prediction' : result.problem.code;
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  },
  onEvent: ({ type }) => say({ event: type }),
});
const watch = setInterval(() => {
  mostBytes = Math.max(mostBytes, process.memoryUsage().rss);
}, 250);
await client.opened();

await once(process.stdin, 'data');
const startedMs = performance.now();
const startBytes = process.memoryUsage().rss;
let refused = 0;
for (let captured = 0; captured < total; ) {
  const elapsedMs = performance.now() - startedMs;
  const due = Math.min(total, Math.ceil((elapsedMs * total) / Number(durationMs)));
  const kept = [];
  for (; captured < due; captured += 1) {
    const values = Array.from({ length: 60 }, (_, band) => ((captured + band) % 97) / 97);
    kept.push(client.publish({ id: String(captured), values }));
  }
  for (const { ok } of await Promise.all(kept)) if (!ok) refused += 1;
  await sleep(50);
}
const { kept } = client.counts.outbox;
say({ event: 'captured', refused, kept, startBytes, mostBytes });
while (client.counts.outbox.kept > 0) await sleep(50);
const { published, repeated } = client.counts;
const twice = [...told.values()].filter((times) => times > 1).length;
say({
  event: 'done',
  told: told.size,
  twice,
  outcomes: Object.fromEntries(outcomes),
  published,
  repeated,
  mostBytes,
});
clearInterval(watch);
await client.close();
process.stdin.destroy();
