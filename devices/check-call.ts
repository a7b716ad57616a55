// What is checked of a call before it is asked: its id, its time and its deadline.
import type { Problem, Result } from '../schemas/problems.ts';

const ID = /^[ -~]{1,64}$/;

/** `null` where the call may be made. `isTaken`: its id is that of a reading still unanswered. */
export function checkCall(id: unknown, timeoutMs: unknown, isTaken: boolean): Problem | null {
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

/** The deadline as it is sent. */
export function toInstant(deadline: Date | string | undefined): Result<string | undefined> {
  if (!(deadline instanceof Date)) return { ok: true, value: deadline };
  if (!Number.isNaN(deadline.getTime())) return { ok: true, value: deadline.toISOString() };
  const detail = 'the deadline is an invalid Date';
  return { ok: false, problem: { code: 'DEADLINE_INVALID', detail } };
}
