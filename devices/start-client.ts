// The client library put together: options, bus, live models and the exchange of readings for answers.
import type {
  BrokerRefusedError,
  Bus,
  BusEvents,
  BusOptions,
  Incoming,
  Subscription,
} from '../bus/types.ts';
import { decodeAnswer, decodeStatus } from '../schemas/encode.ts';
import type { Problem, Result } from '../schemas/problems.ts';
import { agentsFilter, buildTopic, parseTopic, repliesFilter } from '../schemas/topics.ts';
import { checkModel, resolveOptions } from './client-options.ts';
import type {
  BatchResult,
  CallOptions,
  ClassifyResult,
  Client,
  ClientEvent,
  ClientOptions,
} from './client-types.ts';
import type { Clock } from './clock.ts';
import { Exchange } from './exchange.ts';
import { createIds } from './ids.ts';
import { LiveModels } from './live-models.ts';
import type { Reply } from './read-answer.ts';
import {
  type CheckedValues,
  checkRow,
  checkRows,
  checkTyped,
  encodeReading,
} from './reading-message.ts';

const DEFAULT_TIMEOUT_MS = 5000;
const DEFAULT_TIME_TO_LIVE_MS = 600_000;
const ID = /^[ -~]{1,64}$/;

export interface ClientParts {
  readonly createBus: (options: BusOptions, events: BusEvents) => Bus;
  readonly clock: Clock;
}

interface Call extends CallOptions {
  readonly waitForModel?: boolean;
}

/** @throws {ClientOptionsError} for options that cannot be used */
export function startClient(options: ClientOptions, parts: ClientParts): Client {
  const { clock } = parts;
  const settings = resolveOptions(options);
  const { namespace, clientId, encoding } = settings;
  const nextId = createIds();
  const models = new LiveModels();
  let ignored = 0;
  let closing: Promise<void> | null = null;
  let refuse: (error: BrokerRefusedError) => void = () => {};
  const failed = new Promise<BrokerRefusedError>((resolve) => {
    refuse = resolve;
  });
  const onEvent = (event: ClientEvent) => tell(options.onEvent, event);

  const exchange = new Exchange({
    clock,
    models,
    maxUnanswered: settings.maxUnanswered,
    maxWaiting: settings.maxWaiting,
    discoveryMs: settings.discoveryMs,
    publish(model, payload, settled) {
      const topic = buildTopic(namespace, { kind: 'reading', client: clientId, model });
      bus.publish(topic, payload, { qos: 1 }, settled);
    },
  });

  const receive = (message: Incoming) => {
    const topic = parseTopic(namespace, message.topic);
    if (topic?.kind === 'status') {
      const status = decodeStatus(message.payload);
      if (status === null) return ignore('malformed', message.topic);
      models.record(topic.agent, status, clock.now());
      return exchange.modelsChanged();
    }
    if (topic?.kind !== 'reply' || topic.client !== clientId) {
      return ignore('foreign', message.topic);
    }
    if (message.retain) return ignore('retained', message.topic);
    const answer = decodeAnswer(message.payload);
    if (answer === null) return ignore('malformed', message.topic);
    const fate = exchange.answer(topic.model, answer);
    if (fate !== 'taken') ignore(fate, message.topic);
  };
  const ignore = (reason: Extract<ClientEvent, { type: 'ignored' }>['reason'], topic: string) => {
    ignored += 1;
    onEvent({ type: 'ignored', reason, topic });
  };

  const bus = parts.createBus(busOptions(options, settings), {
    onMessage(message) {
      message.settle();
      receive(message);
    },
    onReady({ protocol }) {
      exchange.connected();
      onEvent({ type: 'connected', protocol });
    },
    onLost(detail) {
      exchange.disconnected(detail);
      onEvent({ type: 'lost', detail });
    },
    onUnreachable(detail) {
      exchange.disconnected(detail);
      onEvent({ type: 'unreachable', detail });
    },
    onRefused(error) {
      exchange.close(`${error.message}: ${error.remedy}`);
      refuse(error);
      onEvent({ type: 'refused', error });
    },
  });

  /** One question through the exchange, or the problem that keeps it from being asked. */
  const ask = async (checked: Result<CheckedValues>, call: Call): Promise<Reply> => {
    const { model = settings.model, id = nextId(), timeoutMs = DEFAULT_TIMEOUT_MS, signal } = call;
    const problem = checkModel(model) ?? checkCall(id, timeoutMs, exchange.has(String(model), id));
    if (problem) return { ok: false, problem };
    if (!checked.ok) return checked;
    if (signal?.aborted) return { ok: false, problem: GIVEN_UP };
    const deadline = toInstant(call.deadline);
    if (!deadline.ok) return deadline;
    const payload = encodeReading(id, checked.value, deadline.value, encoding);
    const { waitForModel = false } = call;
    const giveUp = () => exchange.giveUp(model, id, GIVEN_UP.detail);
    signal?.addEventListener('abort', giveUp);
    const question = { id, model, payload, asked: checked.value.asked, timeoutMs, waitForModel };
    const reply = await exchange.ask(question);
    signal?.removeEventListener('abort', giveUp);
    return reply;
  };

  bus.start();
  return {
    async classify(values, call = {}) {
      return toSingle(await ask(checkRow(values), call));
    },
    async classifyBatch(rows, call = {}) {
      const checked =
        rows instanceof Float32Array
          ? checkTyped(rows, call.width ?? rows.length, encoding)
          : checkRows(rows);
      return toBatch(await ask(checked, call));
    },
    async publish(reading, { timeToLiveMs = DEFAULT_TIME_TO_LIVE_MS, ...rest } = {}) {
      const { id = nextId(), values, deadline } = reading;
      const call: Call = { ...rest, id, timeoutMs: timeToLiveMs, waitForModel: true };
      const reply = await ask(
        checkRow(values),
        deadline === undefined ? call : { ...call, deadline },
      );
      const result = toSingle(reply);
      tell(options.onAnswer, { id, model: rest.model ?? settings.model, result });
      return result;
    },
    models: () => models.list(clock.now()),
    get connected() {
      return bus.connected;
    },
    get counts() {
      return { ...exchange.counts, ignored };
    },
    failed,
    close() {
      exchange.close('the client was closed');
      closing ??= bus.stop();
      return closing;
    },
  };
}

const GIVEN_UP: Problem = { code: 'TIMEOUT', detail: 'the caller gave up before an answer came' };

function busOptions(
  { tls, protocol, username: givenUsername }: ClientOptions,
  { url, clientId, username, password, namespace }: ReturnType<typeof resolveOptions>,
): BusOptions {
  const subscriptions: Subscription[] = [
    { filter: repliesFilter(namespace, clientId), qos: 1 },
    { filter: agentsFilter(namespace, 'status'), qos: 1 },
  ];
  return {
    url,
    clientId,
    // Without credentials the client is anonymous, name and all.
    ...((password !== undefined || givenUsername !== undefined) && { username }),
    ...(password !== undefined && { password }),
    cleanSession: true,
    subscriptions,
    ...(tls !== undefined && { tls }),
    ...(protocol !== undefined && { protocol }),
  };
}

function checkCall(id: unknown, timeoutMs: unknown, isTaken: boolean): Problem | null {
  if (typeof id !== 'string' || !ID.test(id)) {
    const found = typeof id === 'string' ? `a string of ${id.length} characters` : typeof id;
    const detail = `expected 1 to 64 printable ASCII characters as id, got ${found}`;
    return { code: 'ID_INVALID', detail };
  }
  if (isTaken) {
    return { code: 'ID_INVALID', detail: `the id ${id} is that of a reading still unanswered` };
  }
  if (typeof timeoutMs === 'number' && timeoutMs > 0) return null;
  const detail = `no time to wait: expected milliseconds above 0, got ${String(timeoutMs)}`;
  return { code: 'TIMEOUT', detail };
}

function toInstant(deadline: Date | string | undefined): Result<string | undefined> {
  if (!(deadline instanceof Date)) return { ok: true, value: deadline };
  if (!Number.isNaN(deadline.getTime())) return { ok: true, value: deadline.toISOString() };
  const detail = 'the deadline is an invalid Date';
  return { ok: false, problem: { code: 'DEADLINE_INVALID', detail } };
}

function toSingle(reply: Reply): ClassifyResult {
  if (!reply.ok) return reply;
  const { id, rows, model, agent } = reply;
  const [row] = rows;
  if (row === undefined) throw new Error('an answer without a row was taken for one with a row');
  return { ok: true, prediction: { id, ...row, model, agent } };
}

function toBatch(reply: Reply): BatchResult {
  if (!reply.ok) return reply;
  const { id, rows, model, agent } = reply;
  return { ok: true, id, predictions: rows, model, agent };
}

/** A listener that throws must not take the connection with it; its error surfaces on its own. */
function tell<Value>(listener: ((value: Value) => void) | undefined, value: Value): void {
  try {
    listener?.(value);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
