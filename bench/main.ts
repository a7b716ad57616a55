// `npm run bench`: what the agent costs beside a bare responder, and what crowds at the broker's door cost others.
import { parseArgs } from 'node:util';
import type { BrokerName } from './brokers.ts';
import { benchInference } from './inference.ts';
import { benchLatency } from './latency.ts';
import { benchSlowLogins } from './slow-logins.ts';

const USAGE = `usage: npm run bench -- [--only latency|logins|inference] [--broker mosquitto|embedded] [--quick]

  --only    latency: the agent beside a bare responder, one reading at a time
            logins: 200 logins at once, and how late they make another client's answers
            (the embedded broker alone)
            inference: the shipped models on each runtime, without a broker; default: all
  --broker  one broker alone (default: both)
  --quick   fewer and shorter rounds

Prints latency histograms and ratios; exits 1 where a bar is not met.`;

const BROKERS: readonly BrokerName[] = ['mosquitto', 'embedded'];
const BENCHES = ['latency', 'logins', 'inference'] as const;

function readArguments() {
  try {
    const { values } = parseArgs({
      options: {
        only: { type: 'string' },
        broker: { type: 'string' },
        quick: { type: 'boolean' },
        help: { type: 'boolean' },
      },
    });
    if (values.broker !== undefined && !BROKERS.some((name) => name === values.broker)) {
      throw new Error(`--broker is mosquitto or embedded, not ${values.broker}`);
    }
    if (values.only !== undefined && !BENCHES.some((name) => name === values.only)) {
      throw new Error(`--only is one of ${BENCHES.join(', ')}, not ${values.only}`);
    }
    if (values.only === 'logins' && values.broker === 'mosquitto') {
      throw new Error('--only logins measures the embedded broker, not mosquitto');
    }
    return values;
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    process.exit(64);
  }
}

const { broker, help, only, quick = false } = readArguments();
if (help) {
  console.log(USAGE);
} else {
  const met: boolean[] = [];
  for (const name of BROKERS) {
    const isAsked = broker === undefined || broker === name;
    if (isAsked && (only === undefined || only === 'latency'))
      met.push(await benchLatency(name, quick));
  }
  if (broker !== 'mosquitto' && (only === undefined || only === 'logins'))
    met.push(await benchSlowLogins(quick));
  if (only === 'inference' || (only ?? broker) === undefined) met.push(await benchInference(quick));
  process.exitCode = met.every(Boolean) ? 0 : 1;
}
