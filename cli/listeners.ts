// The embedded broker where a demo may run: a busy port moves to a free one, and says so.
import {
  type EmbeddedBroker,
  type EmbeddedBrokerOptions,
  startEmbeddedBroker,
} from '../broker/embedded-broker.ts';
import { PortBusyError } from '../broker/listeners.ts';

/**
 * Starts the broker; each of its ports that is taken is replaced by a free one.
 * @param say is told of each move
 */
export async function startBrokerOnFreePorts(
  options: EmbeddedBrokerOptions & { readonly port: number; readonly wsPort: number | null },
  say: (line: string) => void,
): Promise<EmbeddedBroker> {
  let { port, wsPort } = options;
  for (;;) {
    try {
      const broker = await startEmbeddedBroker({ ...options, port, wsPort });
      if (port !== options.port) say(`port ${options.port} is busy; using ${broker.port}`);
      if (wsPort !== options.wsPort) say(`port ${options.wsPort} is busy; using ${broker.wsPort}`);
      return broker;
    } catch (error) {
      if (!(error instanceof PortBusyError)) throw error;
      if (error.port === port && port !== 0) port = 0;
      else if (error.port === wsPort && wsPort !== 0) wsPort = 0;
      else throw error;
    }
  }
}
