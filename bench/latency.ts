// Window 1 at QoS 1: one reading at a time, the agent beside a bare responder in the same run.
import { type BrokerName, CLI, startBroker, startProcess, stopProcess } from './brokers.ts';
import { Load, type Latencies } from './load.ts';
import { formatMs, renderHistogram } from './report.ts';
import { median } from './statistics.ts';

/** Issue and README promise: the agent's median stays below this multiple of the bare responder's. */
const MEDIAN_LIMIT = 1.5;
/** Nagle against a delayed acknowledgement costs 40 ms and more; no sane answer takes that long twice. */
const STEP_US = 35_000;
const STEP_SHARE = 0.001;

const BARE = new URL('./peers/bare-responder.mjs', import.meta.url).pathname;

/** @returns true where the bar is met */
export async function benchLatency(brokerName: BrokerName, quick: boolean): Promise<boolean> {
  const rounds = quick ? 5 : 15;
  const count = quick ? 500 : 2000;
  const broker = await startBroker(brokerName, {
    predictors: ['echolot', 'bare'],
    models: ['sonar', 'bare'],
  });
  const { innerUrl, url } = broker;
  const identity = `--agent-id echolot --password-file ${broker.passwordFile('echolot')}`;
  const flags = `agent --broker-url ${innerUrl} ${identity} --log-level error`;
  const agent = startProcess([CLI, ...flags.split(' ')]);
  const bare = startProcess([BARE, innerUrl, 'bare', broker.passwordFile('bare'), 'bare']);
  const load = await Load.connect(url, broker.passwordFile('load'));
  try {
    await load.untilServed('sonar');
    await load.untilServed('bare');
    const warmUp = { count: Math.max(count, 1000), window: 1, qos: 1 } as const;
    await load.run('sonar', warmUp);
    await load.run('bare', warmUp);
    const ours: Latencies[] = [];
    const theirs: Latencies[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      process.stderr.write(`\r${brokerName}: round ${round} of ${rounds} `);
      // In turn, so that a drift of the machine's speed meets both.
      ours.push(await load.run('sonar', { count, window: 1, qos: 1 }));
      theirs.push(await load.run('bare', { count, window: 1, qos: 1 }));
    }
    process.stderr.write('\n');
    return report(brokerName, ours, theirs);
  } finally {
    await load.stop();
    await stopProcess(agent);
    await stopProcess(bare);
    await broker.stop();
  }
}

function report(broker: string, ours: readonly Latencies[], theirs: readonly Latencies[]): boolean {
  const ratios = (percentile: number) =>
    ours.map(
      (own, index) => own.percentile(percentile) / (theirs[index]?.percentile(percentile) ?? 1),
    );
  const at = (runs: readonly Latencies[], percentile: number) =>
    formatMs(median(runs.map((run) => run.percentile(percentile)))).padStart(12);
  console.log(renderHistogram(`\n${broker}, window 1, QoS 1: echolot agent`, ours));
  console.log(renderHistogram(`\n${broker}, window 1, QoS 1: bare MQTT.js responder`, theirs));
  console.log(
    `\n${broker.padEnd(12)}     echolot         bare   ratio (median of ${ours.length} pairs, min to max)`,
  );
  for (const percentile of [50, 99]) {
    const pairs = ratios(percentile);
    const [low, high] = [Math.min(...pairs), Math.max(...pairs)].map((ratio) => ratio.toFixed(2));
    const line = `p${percentile}${at(ours, percentile)} ${at(theirs, percentile)}`;
    console.log(`${''.padEnd(9)}${line}   ${median(pairs).toFixed(2)} (${low} to ${high})`);
  }
  const slow = ours.filter((run) => run.percentile(100 * (1 - STEP_SHARE)) >= STEP_US).length;
  const steps = slow > ours.length / 2;
  const ratio = median(ratios(50));
  if (steps) console.log(`NOT MET: answers take ${STEP_US / 1000} ms and more in most rounds`);
  if (ratio >= MEDIAN_LIMIT)
    console.log(`NOT MET: median ratio ${ratio.toFixed(2)}, wanted below ${MEDIAN_LIMIT}`);
  return !steps && ratio < MEDIAN_LIMIT;
}
