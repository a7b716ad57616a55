import { describe, expect, it } from 'vitest';
import { createTerminalLog } from './log.ts';

function linesOf(work: (log: ReturnType<typeof createTerminalLog>) => void): string[] {
  const lines: string[] = [];
  work(createTerminalLog('warn', (line) => lines.push(line)));
  return lines;
}

describe('the log at a terminal', () => {
  it('says what is from its level on, in one line each', () => {
    const lines = linesOf((log) => {
      log.info('not shown');
      log.warn({ detail: 'refused', port: 1 }, 'broker unreachable');
      log.error({ err: new Error('broken') }, 'failed');
    });
    expect(lines).toEqual([
      'warning: broker unreachable (detail: refused, port: 1)',
      'error: failed (cause: broken)',
    ]);
  });

  it('passes on nothing that would drive the terminal or forge a line', () => {
    const [line] = linesOf((log) =>
      log.warn({ topic: 'a\nerror: forged\u001b[2J\u202eevil\u009b1m' }, 'denied'),
    );
    expect(line).toBe('warning: denied (topic: a error: forged [2J evil 1m)');
  });
});
