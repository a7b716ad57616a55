// A client of the library made from settings: its events go to the log, a refusal becomes an error.
import type { Logger } from 'pino';
import { type Client, createClient } from '../devices/client.ts';
import { readConnection, requireClientId } from './connection.ts';
import type { Settings } from './settings.ts';

/**
 * Starts a client, lets the work use it, and closes it whatever comes.
 * @throws {BrokerRefusedError} the broker refused the client while the work was done
 */
export async function withClient<Value>(
  settings: Settings<'client'>,
  log: Logger,
  work: (client: Client) => Promise<Value>,
): Promise<Value> {
  const clientId = requireClientId(settings, 'client');
  const { modelName: model, namespace } = settings;
  const connection = readConnection(settings, clientId, log);
  let refusal: Error | null = null;
  const client = createClient({
    ...connection,
    clientId,
    namespace,
    model,
    onEvent: (event) => {
      if (event.type === 'refused') refusal = event.error;
      else if (event.type === 'ignored') log.debug(event, 'message ignored');
      else if (event.type === 'connected') log.info(event, 'connected');
      else log.warn({ detail: event.detail }, 'broker away, trying again');
    },
  });
  try {
    const value = await work(client);
    // What is unanswered because of a refusal is told as the refusal.
    if (refusal) throw refusal;
    return value;
  } finally {
    await client.close();
  }
}
