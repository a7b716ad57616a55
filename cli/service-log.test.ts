import { type LevelWithSilent, pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { levelSwitch } from './service-log.ts';

const CHANGED = 'log level changed by a signal';

function setUp(level: LevelWithSilent) {
  const lines: string[] = [];
  const log = pino({ level, base: null }, { write: (json: string) => lines.push(json) });
  const said = () =>
    lines.splice(0).map((line) => {
      const { level: at, logLevel, msg } = JSON.parse(line) as Record<string, unknown>;
      return logLevel === undefined ? msg : [msg, at, logLevel];
    });
  return { log, said, flip: levelSwitch(log) };
}

describe('the signal that changes the level of the log', () => {
  it.each(['info', 'warn', 'error', 'fatal', 'silent'] as const)(
    'shows from debug on what was set to %s, and goes back, and says both',
    (level) => {
      const { flip, log, said } = setUp(level);
      for (let round = 0; round < 2; round += 1) {
        log.debug('hidden');
        flip();
        log.debug('shown');
        expect(said()).toEqual([[CHANGED, 30, 'debug'], 'shown']);
        flip();
        log.debug('hidden');
        expect(said()).toEqual([[CHANGED, 30, level]]);
        expect(log.level).toBe(level);
      }
    },
  );

  it('goes on to trace where debug is set, and has nowhere to go from trace', () => {
    const debug = setUp('debug');
    debug.flip();
    debug.log.trace('shown');
    expect(debug.said()).toEqual([[CHANGED, 30, 'trace'], 'shown']);
    debug.flip();
    debug.log.trace('hidden');
    expect(debug.said()).toEqual([[CHANGED, 30, 'debug']]);
    const trace = setUp('trace');
    trace.flip();
    expect([trace.log.level, trace.said()]).toEqual(['trace', [[CHANGED, 30, 'trace']]]);
  });
});
