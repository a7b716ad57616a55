// The client library put together: options, bus, live models and the exchange of readings for answers.
import type { BrokerRefusedError, Bus, BusEvents, BusOptions, Incoming } from '../bus/types.ts';
import { decodeAnswer, decodeStatus } from '../schemas/encode.ts';
import type { Problem, Result } from '../schemas/problems.ts';
import { buildTopic, parseTopic } from '../schemas/topics.ts';
import { busOptions } from './bus-options.ts';
import { toBatch, toSingle } from './call-result.ts';
import { checkCall, toInstant } from './check-call.ts';
import { checkModel, resolveOptions, resolveOutbox } from './client-options.ts';
import type {
  Acceptance,
  BatchOptions,
  CallOptions,
  ClassifyResult,
  Client,
  ClientEvent,
  ClientOptions,
  OutboxClient,
  OutboxClientOptions,
  OutgoingReading,
  PublishOptions,
} from './client-types.ts';
import type { Clock } from './clock.ts';
import { Exchange } from './exchange.ts';
import { createIds } from './ids.ts';
import { LiveModels } from './live-models.ts';
import { Outbox } from './outbox.ts';
import type { OutboxError } from './outbox-error.ts';
import type { OpenedOutbox } from './outbox-store.ts';
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

export interface ClientParts {
  readonly createBus: (options: BusOptions, events: BusEvents) => Bus;
  readonly clock: Clock;
  /** Milliseconds since 1970, by the clock that people set. */
  readonly wallNow: () => number;
  readonly openOutbox: (folder: string) => Promise<OpenedOutbox>;
}

interface Call extends CallOptions {
  readonly waitForModel?: boolean;
}

/** @throws {ClientOptionsError} for options that cannot be used */
export function startClient(options: OutboxClientOptions, parts: ClientParts): OutboxClient;
export function startClient(options: ClientOptions, parts: ClientParts): Client;
export function startClient(
  options: ClientOptions | OutboxClientOptions,
  parts: ClientParts,
): Client | OutboxClient {
  const { clock } = parts;
  const settings = resolveOptions(options);
  const { namespace, clientId, encoding } = settings;
  const nextId = createIds();
  const models = new LiveModels();
  let ignored = 0;
  let closing: Promise<void> | null = null;
  let fail: (error: BrokerRefusedError | OutboxError) => void = () => {};
  const failed = new Promise<BrokerRefusedError | OutboxError>((resolve) => {
    fail = resolve;
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
      exchange.modelsChanged();
      outbox?.wake();
      return;
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
      outbox?.wake();
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
      outbox?.pause();
      exchange.close(`${error.message}: ${error.remedy}`);
      fail(error);
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

  const tellAnswer = (id: string, model: string, reply: Reply): ClassifyResult => {
    const result = toSingle(reply);
    tell(options.onAnswer, { id, model, result });
    return result;
  };

  const createOutbox = ({ folder, ...limits }: ReturnType<typeof resolveOutbox>) =>
    new Outbox({
      clock,
      wallNow: parts.wallNow,
      limits: { ...limits, maxOut: settings.maxUnanswered },
      open: () => parts.openOutbox(folder),
      isServed: (model) => bus.connected && models.serves(model, clock.now()),
      ask: (question) => exchange.ask(question),
      giveUp: (model, id) => exchange.giveUp(model, id, GIVEN_UP.detail),
      tell: tellAnswer,
      onDamage: (detail) => onEvent({ type: 'damaged', detail }),
    });
  const outbox = options.outbox && createOutbox(resolveOutbox(options.outbox));
  outbox?.opened.catch(fail);

  const publish = async (
    { id = nextId(), values, deadline }: OutgoingReading,
    { timeToLiveMs = DEFAULT_TIME_TO_LIVE_MS, ...rest }: PublishOptions = {},
  ): Promise<ClassifyResult> => {
    const call: Call = { ...rest, id, timeoutMs: timeToLiveMs, waitForModel: true };
    const withDeadline = deadline === undefined ? call : { ...call, deadline };
    return tellAnswer(id, rest.model ?? settings.model, await ask(checkRow(values), withDeadline));
  };

  const keep = async (
    to: Outbox,
    { id = nextId(), values, deadline }: OutgoingReading,
    { model = settings.model }: Pick<PublishOptions, 'model'> = {},
  ): Promise<Acceptance> => {
    const problem = checkModel(model) ?? checkCall(id, 1, exchange.has(String(model), id));
    if (problem) return { ok: false, problem };
    const checked = checkRow(values);
    if (!checked.ok) return checked;
    const instant = toInstant(deadline);
    if (!instant.ok) return instant;
    const payload = encodeReading(id, checked.value, instant.value, encoding);
    return to.keep({ id, model, payload, width: checked.value.asked.width });
  };

  const stop = async () => {
    const closed = outbox?.close();
    exchange.close('the client was closed');
    await Promise.all([closed, bus.stop()]);
  };

  bus.start();
  const common = {
    async classify(values: ArrayLike<number>, call: CallOptions = {}) {
      return toSingle(await ask(checkRow(values), call));
    },
    async classifyBatch(
      rows: readonly ArrayLike<number>[] | Float32Array,
      call: BatchOptions = {},
    ) {
      const checked =
        rows instanceof Float32Array
          ? checkTyped(rows, call.width ?? rows.length, encoding)
          : checkRows(rows);
      return toBatch(await ask(checked, call));
    },
    models: () => models.list(clock.now()),
    get connected() {
      return bus.connected;
    },
    get counts() {
      return { ...exchange.counts, ignored, ...(outbox && { outbox: outbox.counts }) };
    },
    close() {
      closing ??= stop();
      return closing;
    },
  };
  if (outbox === undefined) return Object.assign(common, { publish, failed }) as Client;
  return Object.assign(common, {
    publish: (reading: OutgoingReading, call?: PublishOptions) => keep(outbox, reading, call),
    opened: () => outbox.opened,
    failed,
  }) as OutboxClient;
}

const GIVEN_UP: Problem = { code: 'TIMEOUT', detail: 'the caller gave up before an answer came' };

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
