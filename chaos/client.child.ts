// A caller in a process of its own, that can be killed at any moment: it hands over readings and keeps its ledger.
import { existsSync, openSync, readFileSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient, type OutboxClient } from '../devices/client.ts';
import type { CallerConfig } from './caller-config.ts';
import { type LedgerLine, monotonicMs, parseLedger } from './ledger.ts';

type Entry<Line = LedgerLine> = Line extends unknown ? Omit<Line, 'at'> : never;

const config = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as CallerConfig;
const rows = JSON.parse(readFileSync(config.rowsFile, 'utf8')) as number[][];
const before = existsSync(config.ledger) ? parseLedger(readFileSync(config.ledger, 'utf8')) : [];
const run = before.filter(({ line }) => line === 'start').length + 1;
const told = new Set(before.flatMap((entry) => (entry.line === 'told' ? [entry.id] : [])));

const ledger = openSync(config.ledger, 'a');
/** What write() has taken outlives this process; only the machine could lose it, and that is not killed. */
function note(entry: Entry): void {
  writeSync(ledger, `${JSON.stringify({ at: monotonicMs(), ...entry })}\n`);
}

note({ line: 'start', run });
process.on('disconnect', () => process.exit(1));
const client = createClient({
  url: config.url,
  clientId: config.name,
  passwordFile: config.passwordFile,
  protocol: config.protocol,
  encoding: config.encoding,
  outbox: { folder: config.outbox, maxCount: config.maxCount },
  onAnswer({ id, result }) {
    const outcome = result.ok
      ? {
          label: result.prediction.label,
          score: result.prediction.score,
          agent: result.prediction.agent,
        }
      : { code: result.problem.code };
    note({ line: 'told', id, run, ...outcome, ...(told.has(id) && { again: true as const }) });
    told.add(id);
  },
  onEvent(event) {
    if (event.type !== 'ignored') process.stderr.write(`${JSON.stringify(event)}\n`);
  },
});
void client.failed.then((error) => {
  process.stderr.write(`${String(error)}\n`);
  process.exit(error.exitCode);
});
await handOver(client);
while (client.counts.outbox.kept > 0) await sleep(50);
await client.close();
note({ line: 'end' });
process.exit(0);

/** One reading after the other at the rate, until the run says that it is enough. */
async function handOver(client: OutboxClient): Promise<void> {
  await client.opened();
  const pending = new Set<Promise<void>>();
  for (let count = 1; !existsSync(config.finishFile); count += 1) {
    const id = `${run}-${count}`;
    const row = (count * 7 + run) % rows.length;
    note({ line: 'hand', id, row });
    const deadline =
      count % config.deadlineEvery === 0
        ? { deadline: new Date(Date.now() + config.deadlineMs) }
        : {};
    const handed = client.publish({ id, values: rows[row] ?? [], ...deadline }).then(
      (taken) =>
        taken.ok
          ? note({ line: 'took', id })
          : note({ line: 'refused', id, code: taken.problem.code }),
      (error: Error & { code?: string }) =>
        note({ line: 'refused', id, code: error.code ?? error.name }),
    );
    pending.add(handed);
    void handed.then(() => pending.delete(handed));
    await sleep(config.periodMs);
  }
  await Promise.all(pending);
}
