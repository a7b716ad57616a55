// `npm run bench`: what the agent costs beside a responder that does nothing but answer.
import { parseArgs } from 'node:util';
import type { BrokerName } from './brokers.ts';
import { benchLatency } from './latency.ts';

const USAGE = `usage: npm run bench -- [--broker mosquitto|embedded] [--quick]

  --broker  one broker alone (default: both)
  --quick   fewer and shorter rounds

Prints latency histograms and ratios; exits 1 where a bar is not met.`;

const BROKERS: readonly BrokerName[] = ['mosquitto', 'embedded'];

function readArguments() {
  try {
    const { values } = parseArgs({
      options: {
        broker: { type: 'string' },
        quick: { type: 'boolean' },
        help: { type: 'boolean' },
      },
    });
    if (values.broker !== undefined && !BROKERS.some((name) => name === values.broker)) {
      throw new Error(`--broker is mosquitto or embedded, not ${values.broker}`);
    }
    return values;
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${USAGE}`);
    process.exit(64);
  }
}

const { broker, help, quick = false } = readArguments();
if (help) {
  console.log(USAGE);
} else {
  const met: boolean[] = [];
  for (const name of BROKERS) {
    if (broker === undefined || broker === name) met.push(await benchLatency(name, quick));
  }
  process.exitCode = met.every(Boolean) ? 0 : 1;
}
