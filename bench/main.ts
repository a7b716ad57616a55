// `npm run bench`: what the agent costs beside what people would use instead, and what crowds at the door cost others.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { parseArguments } from './arguments.ts';
import { cbor } from './cbor.ts';
import { renderChart } from './chart.ts';
import { clients } from './clients.ts';
import { renderDocumentation } from './documentation.ts';
import { misses, type PartResult } from './figures.ts';
import { benchInference } from './inference.ts';
import { benchLatency } from './latency.ts';
import { describeMachine, type Machine } from './machine.ts';
import { memory } from './memory.ts';
import { openLoop } from './open-loop.ts';
import { peers } from './peers.ts';
import { addToRecord, type Recorded, readRecord, renderRecord } from './record.ts';
import type { Part, Settings } from './runner.ts';
import { scaling } from './scaling.ts';
import { slopes } from './slopes.ts';
import { benchSlowLogins } from './slow-logins.ts';
import { startUp } from './start-up.ts';
import { renderTable } from './table.ts';
import { throughput } from './throughput.ts';
import { workers } from './workers.ts';

const PARTS: readonly Part[] = [
  throughput,
  openLoop,
  cbor,
  clients,
  peers,
  memory,
  startUp,
  scaling,
  workers,
  slopes,
];

/** Parts that print for themselves, and tell whether their bar is met. */
const OWN_PARTS: readonly {
  readonly name: string;
  readonly about: string;
  run(settings: Settings): Promise<boolean>;
}[] = [
  {
    name: 'latency',
    about: 'one reading at a time at QoS 1, with histograms that show steps',
    async run({ brokers, quick }) {
      const met: boolean[] = [];
      for (const name of brokers) met.push(await benchLatency(name, quick));
      return met.every(Boolean);
    },
  },
  {
    name: 'logins',
    about: "200 logins at once, and how late they make another's answers (embedded broker)",
    run: async ({ brokers, quick }) => !brokers.includes('embedded') || benchSlowLogins(quick),
  },
  {
    name: 'inference',
    about: 'the shipped models on each runtime, without a broker',
    run: ({ quick }) => benchInference(quick),
  },
];

const NAMES = [...PARTS, ...OWN_PARTS].map(({ name }) => name);
const OUTPUT = new URL('../.tmp/bench/', import.meta.url);
const DOCS = new URL('../docs/', import.meta.url);
const CHART = 'performance.svg';

const USAGE = `usage: npm run bench -- [--only PART,PART] [--broker mosquitto|embedded] [--quick]
                        [--peers node-red] [--write-docs]

  --only        some of the parts alone (default: all):
${[...PARTS, ...OWN_PARTS].map(({ about, name }) => `                ${name.padEnd(11)} ${about}`).join('\n')}
  --broker      one broker alone (default: both)
  --quick       few and short rounds, to see that all runs: no figures to rely on
  --peers       node-red: that too, installed with npm into a temporary folder
  --write-docs  puts these parts into docs/performance.json in the place of their earlier runs, and writes
                docs/performance.md and docs/${CHART} from it; not with --quick or --broker

Prints tables of ratios with 95 % confidence intervals, writes .tmp/bench/results.json and
.tmp/bench/chart.svg, and exits 1 where a bar is not met. All of it takes about 40 minutes; run it on an idle machine.`;

function readArguments() {
  try {
    return parseArguments(process.argv.slice(2), NAMES);
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    process.exit(64);
  }
}

const { help, only, settings, writeDocs } = readArguments();
if (help) console.log(USAGE);
else process.exitCode = (await run()) ? 0 : 1;

/** What a part says that came to no end: the others go on. */
function failure({ name }: Part, error: unknown): PartResult {
  const why = error instanceof Error ? error.message : String(error);
  const title = `${name}: failed`;
  return { part: name, title, figures: [], missing: [{ who: name, why }], failed: true };
}

async function run(): Promise<boolean> {
  const machine = await describeMachine();
  if (machine.loadBefore >= 1) {
    const load = machine.loadBefore.toFixed(2);
    console.error(`warning: the machine is busy (load ${load}): do not rely on what follows`);
  }
  const results: PartResult[] = [];
  for (const part of PARTS.filter(({ name }) => only.includes(name))) {
    const startMs = performance.now();
    const found = await part.run(settings).catch((error: unknown) => [failure(part, error)]);
    for (const result of found) console.log(`${renderTable(result)}\n`);
    results.push(...found);
    await save(machine, results);
    if (writeDocs) await document({ part: part.name, machine, results: found });
    console.log(`${part.name} took ${((performance.now() - startMs) / 1000).toFixed(0)} s\n`);
  }
  const met: boolean[] = [];
  for (const part of OWN_PARTS.filter(({ name }) => only.includes(name))) {
    met.push(await part.run(settings));
  }
  const missed = misses(results);
  for (const line of missed) console.log(`NOT MET: ${line}`);
  return missed.length === 0 && met.every(Boolean);
}

/** After each part, so that a run which is stopped has not been for nothing. */
async function save(machine: Machine, soFar: readonly PartResult[]): Promise<void> {
  await mkdir(OUTPUT, { recursive: true });
  const text = JSON.stringify({ machine, quick: settings.quick, results: soFar }, null, 2);
  await writeFile(new URL('results.json', OUTPUT), `${text}\n`);
  await writeFile(new URL('chart.svg', OUTPUT), renderChart(soFar, subtitleOf(machine)));
}

/** Puts a part in the place of its earlier run, and writes the page and the chart of all parts again. */
async function document(latest: Recorded): Promise<void> {
  const [file, page] = [new URL('performance.json', DOCS), new URL('performance.md', DOCS)];
  const order = PARTS.map(({ name }) => name);
  const before = readRecord(order, await readFile(file, 'utf8').catch(() => null));
  const record = addToRecord(order, before, latest);
  await writeFile(file, renderRecord(record));
  const written = await readFile(page, 'utf8').catch(() => null);
  await writeFile(page, renderDocumentation(record, CHART, written));
  const results = record.flatMap((one) => one.results);
  await writeFile(new URL(CHART, DOCS), renderChart(results, latest.machine.processor));
}

function subtitleOf({ commit, date, processor }: Machine): string {
  return `${processor}, ${date.slice(0, 10)}, commit ${commit}`;
}
