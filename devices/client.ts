// The public client library, `echolot/client`: ask an Echolot agent over MQTT what a reading is.
import { createBus } from '../bus/bus.ts';
import type { Client, ClientOptions, OutboxClient, OutboxClientOptions } from './client-types.ts';
import { systemClock } from './clock.ts';
import { openOutboxStore } from './outbox-store.ts';
import { startClient } from './start-client.ts';

export { BrokerRefusedError } from '../bus/types.ts';
export type { ModelReference } from '../schemas/messages.ts';
export type { Problem, ProblemCode } from '../schemas/problems.ts';
export { ClientOptionsError } from './client-options.ts';
export type {
  Acceptance,
  BatchOptions,
  BatchResult,
  CallOptions,
  ClassifyResult,
  Client,
  ClientCounts,
  ClientEvent,
  ClientOptions,
  OutboxClient,
  OutboxClientOptions,
  OutboxCounts,
  OutboxOptions,
  OutgoingReading,
  Prediction,
  PublishedOutcome,
  PublishOptions,
} from './client-types.ts';
export { OutboxError } from './outbox-error.ts';
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
 * With an `outbox` what is handed to `publish` is kept on disk until it is answered, and its outcome
 * comes by `onAnswer`:
 *
 * ```ts
 * const client = createClient({
 *   url: 'mqtt://localhost:1883',
 *   clientId: 'buoy-1',
 *   passwordFile: 'buoy-1.password',
 *   outbox: { folder: '/var/lib/buoy/outbox' },
 *   onAnswer: ({ id, result }) => console.log(id, result.ok ? result.prediction.label : result.problem.code),
 * });
 * const taken = await client.publish({ values }); // on the disk, connected or not
 * ```
 *
 * @throws {ClientOptionsError} for options that cannot be used: a wrong name, URL, file or number
 */
export function createClient(options: OutboxClientOptions): OutboxClient;
export function createClient(options: ClientOptions): Client;
export function createClient(options: ClientOptions | OutboxClientOptions): Client | OutboxClient {
  const parts = {
    createBus,
    clock: systemClock,
    wallNow: Date.now,
    openOutbox: openOutboxStore,
  };
  return options.outbox === undefined ? startClient(options, parts) : startClient(options, parts);
}
