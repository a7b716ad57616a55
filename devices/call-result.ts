// From a reply to what the caller of the client is told.
import type { BatchResult, ClassifyResult } from './client-types.ts';
import type { Reply } from './read-answer.ts';

export function toSingle(reply: Reply): ClassifyResult {
  if (!reply.ok) return reply;
  const { id, rows, model, agent } = reply;
  const [row] = rows;
  if (row === undefined) throw new Error('an answer without a row was taken for one with a row');
  return { ok: true, prediction: { id, ...row, model, agent } };
}

export function toBatch(reply: Reply): BatchResult {
  if (!reply.ok) return reply;
  const { id, rows, model, agent } = reply;
  return { ok: true, id, predictions: rows, model, agent };
}
