// A port for a server that will be killed and started again: none that the system gives to connections.
import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below what Linux, macOS and Windows take for outgoing connections. */
const FIRST = 12_000;
const LAST = 31_000;

/** A port of loopback that was free a moment ago, at random, so that runs beside each other differ. */
export async function findPort(): Promise<number> {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST));
    const server = createServer().listen(port, '127.0.0.1');
    const isFree = await Promise.race([
      once(server, 'listening').then(() => true),
      once(server, 'error').then(() => false),
    ]).catch(() => false);
    if (!isFree) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}
