// For tests: an embedded broker in a process of its own, that can be killed. Prints its port.
import { pino } from 'pino';
import { startEmbeddedBroker } from './embedded-broker.ts';

const [store = '', dataDir = ''] = process.argv.slice(2);
const log = pino({ level: 'silent' });
const { port } = await startEmbeddedBroker({ store, dataDir, port: 0, wsPort: null, log });
process.stdout.write(`${port}\n`);
