// What an operator's messages mean: one event per prediction, problem, status and sample of stats.
import type { BrokerRefusedError, Protocol } from '../bus/types.ts';
import { decodeAnswer, decodeStats, decodeStatus } from '../schemas/encode.ts';
import type { Stats, Status } from '../schemas/messages.ts';
import { SELF_CHECK_MODEL } from '../schemas/names.ts';
import { parseTopic } from '../schemas/topics.ts';
import { toJsonLine } from './printable.ts';
import { type RowPrediction, readAnswer } from './read-answer.ts';

interface Answered {
  readonly client: string;
  readonly model: string;
  readonly id: string | null;
  readonly agent: string;
}

export type WatchEvent =
  /** `row`: from 0 in a batch, `null` for a single reading. */
  | ({
      readonly type: 'prediction';
      readonly row: number | null;
      readonly version: string;
    } & Answered &
      RowPrediction)
  | ({ readonly type: 'problem'; readonly code: string; readonly detail: string } & Answered)
  | { readonly type: 'status'; readonly agent: string; readonly status: Status }
  | { readonly type: 'stats'; readonly agent: string; readonly stats: Stats }
  /** A message that is none of the contract's. */
  | { readonly type: 'unreadable'; readonly topic: string }
  | { readonly type: 'connected'; readonly protocol: Protocol }
  | { readonly type: 'lost'; readonly detail: string }
  | { readonly type: 'unreachable'; readonly detail: string }
  | { readonly type: 'refused'; readonly error: BrokerRefusedError };

/** Total: a message that cannot be read is an event too. Agents' questions to themselves are none. */
export function readWatchEvents(namespace: string, topic: string, payload: Buffer): WatchEvent[] {
  const parsed = parseTopic(namespace, topic);
  if (parsed?.kind === 'reply') {
    if (parsed.model === SELF_CHECK_MODEL) return [];
    return readReply(parsed.client, parsed.model, payload) ?? [{ type: 'unreadable', topic }];
  }
  if (parsed?.kind === 'status') {
    const status = decodeStatus(payload);
    if (status !== null) return [{ type: 'status', agent: parsed.agent, status }];
  }
  if (parsed?.kind === 'stats') {
    const stats = decodeStats(payload);
    if (stats !== null) return [{ type: 'stats', agent: parsed.agent, stats }];
  }
  return [{ type: 'unreadable', topic }];
}

/** The line of a prediction or problem; `null` for other events. Any text in it is safe to show. */
export function toWatchLine(event: WatchEvent, at: Date): string | null {
  if (event.type === 'prediction') {
    const { type: _, row, ...rest } = event;
    return toJsonLine({ at: at.toISOString(), ...rest, ...(row !== null && { row }) });
  }
  if (event.type === 'problem') {
    const { type: _, code, detail, ...rest } = event;
    return toJsonLine({ at: at.toISOString(), ...rest, problem: { code, detail } });
  }
  return null;
}

function readReply(client: string, model: string, payload: Buffer): WatchEvent[] | null {
  const answer = decodeAnswer(payload);
  if (answer === null) return null;
  const { id, agent } = answer;
  if ('problem' in answer) {
    const { code, detail } = answer.problem;
    return [{ type: 'problem', client, model, id, agent, code, detail }];
  }
  const { version } = answer.model;
  const form = 'label' in answer ? 'single' : 'predictions' in answer ? 'batch' : 'typed';
  const rows =
    'predictions' in answer
      ? answer.predictions.length
      : 'labels' in answer
        ? answer.scores.length / answer.labels.length
        : 1;
  // Whoever only watches did not ask: the answer itself says how many rows it has.
  const reply = readAnswer(answer, { form, rows, width: 1 });
  if (!reply?.ok) return null;
  return reply.rows.map((prediction, row) => ({
    type: 'prediction',
    client,
    model,
    id,
    row: form === 'single' ? null : row,
    ...prediction,
    agent,
    version,
  }));
}
