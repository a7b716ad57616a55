// A client of the library made from settings: its events go to the log, a refusal becomes an error.
import type { Logger } from 'pino';
import { type Client, createClient } from '../devices/client.ts';
import { readConnection, requireClientId } from './connection.ts';
import type { Settings } from './settings.ts';

/** What the work is given besides the client: aborted when the broker refuses it. */
type Work<Value> = (client: Client, refused: AbortSignal) => Promise<Value>;

/**
 * Starts a client, lets the work use it, and closes it whatever comes.
 * @throws {BrokerRefusedError} the broker refused the client while the work was done
 */
export async function withClient<Value>(
  settings: Settings<'client'>,
  { encoding, log }: { readonly encoding?: 'json' | 'cbor'; readonly log: Logger },
  work: Work<Value>,
): Promise<Value> {
  const clientId = requireClientId(settings, 'client');
  const { modelName: model, namespace } = settings;
  const refused = new AbortController();
  const client = createClient({
    ...readConnection(settings, clientId, log),
    clientId,
    namespace,
    model,
    ...(encoding && { encoding }),
    onEvent: (event) => {
      if (event.type === 'refused') refused.abort(event.error);
      else if (event.type === 'ignored') log.debug(event, 'message ignored');
      else if (event.type === 'connected') log.info(event, 'connected');
      else log.warn({ detail: event.detail }, 'broker away, trying again');
    },
  });
  try {
    const value = await work(client, refused.signal);
    // What is unanswered because of a refusal is told as the refusal.
    refused.signal.throwIfAborted();
    return value;
  } catch (error) {
    refused.signal.throwIfAborted();
    throw error;
  } finally {
    await client.close();
  }
}
