// The public client library, `echolot/client`: ask an Echolot agent over MQTT what a reading is.
import { createBus } from '../bus/bus.ts';
import type { Client, ClientOptions } from './client-types.ts';
import { systemClock } from './clock.ts';
import { startClient } from './start-client.ts';

export { BrokerRefusedError } from '../bus/types.ts';
export type { ModelReference } from '../schemas/messages.ts';
export type { Problem, ProblemCode } from '../schemas/problems.ts';
export { ClientOptionsError } from './client-options.ts';
export type {
  BatchOptions,
  BatchResult,
  CallOptions,
  ClassifyResult,
  Client,
  ClientCounts,
  ClientEvent,
  ClientOptions,
  OutgoingReading,
  Prediction,
  PublishedOutcome,
  PublishOptions,
} from './client-types.ts';
export type { LiveModel } from './live-models.ts';
export type { RowPrediction } from './read-answer.ts';

/**
 * Creates a client and starts to connect; calls may be made at once and wait for the connection.
 * A client that is not closed keeps the process alive.
 *
 * ```ts
 * const client = createClient({ url: 'mqtt://localhost:1883', clientId: 'buoy-1', passwordFile: 'buoy-1.password' });
 * const result = await client.classify(values, { timeoutMs: 2000 });
 * console.log(result.ok ? result.prediction.label : result.problem.detail);
 * await client.close();
 * ```
 *
 * @throws {ClientOptionsError} for options that cannot be used: a wrong name, URL, file or number
 */
export function createClient(options: ClientOptions): Client {
  return startClient(options, { createBus, clock: systemClock });
}
