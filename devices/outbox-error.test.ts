// Whether a service that starts again by itself may hope.
import { describe, expect, it } from 'vitest';
import { OutboxError } from './outbox-error.ts';

describe('an outbox that cannot be used', () => {
  it.each([
    ['OUTBOX_IN_USE', 'another process is using the outbox', 75],
    ['OUTBOX_UNUSABLE', 'IO error: 000003.log: No space left on device', 75],
    ['OUTBOX_UNUSABLE', 'IO error: 000003.log: Permission denied', 78],
    ['OUTBOX_DAMAGED', 'the outbox is damaged', 78],
  ] as const)('ends with a code that says whether that passes: %s, %s', (code, message, exit) => {
    expect(new OutboxError(code, message, '').exitCode).toBe(exit);
  });
});
