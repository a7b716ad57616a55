// A client of the library made from settings: its events go to the log, a refusal becomes an error.
import type { Logger } from 'pino';
import { type Client, type ClientEvent, createClient } from '../devices/client.ts';
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
  const refused = new AbortController();
  const client = createClient({
    ...readClientOptions(settings, log),
    ...(encoding && { encoding }),
    onEvent: (event) => {
      logEvent(event, log);
      if (event.type === 'refused') refused.abort(event.error);
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

/** Who asks, where, and whom. */
export function readClientOptions(settings: Settings<'client'>, log: Logger) {
  const clientId = requireClientId(settings, 'client');
  const { modelName: model, namespace } = settings;
  return { ...readConnection(settings, clientId, log), clientId, namespace, model };
}

/** A refusal is left to the caller: it ends the command. */
export function logEvent(event: ClientEvent, log: Logger): void {
  if (event.type === 'refused') return;
  if (event.type === 'ignored') log.debug(event, 'message ignored');
  else if (event.type === 'connected') log.info(event, 'connected');
  else if (event.type === 'damaged') log.error(event, 'readings of the outbox are lost');
  else log.warn({ detail: event.detail }, 'broker away, trying again');
}
