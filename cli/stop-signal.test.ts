import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { listenForStop } from './stop-signal.ts';

function setUp() {
  const emitter = new EventEmitter();
  const exits: number[] = [];
  let now = 1000;
  const stop = listenForStop(
    emitter as unknown as NodeJS.Process,
    (code) => exits.push(code),
    () => now,
  );
  return { emitter, exits, stop, pass: (ms: number) => (now += ms) };
}

describe('a stop', () => {
  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'])('is requested by %s', async (signal) => {
    const { emitter, exits, stop } = setUp();
    expect(stop.isRequested).toBe(false);
    emitter.emit(signal, signal);
    await stop.requested;
    expect(stop.isRequested).toBe(true);
    expect(exits).toEqual([]);
  });

  it('takes two signals of one key press for one', () => {
    const { emitter, exits, pass } = setUp();
    emitter.emit('SIGINT', 'SIGINT');
    pass(500);
    emitter.emit('SIGINT', 'SIGINT');
    expect(exits).toEqual([]);
  });

  it('is forced by a later second signal, with its exit code', () => {
    const { emitter, exits, pass } = setUp();
    emitter.emit('SIGINT', 'SIGINT');
    pass(501);
    emitter.emit('SIGTERM', 'SIGTERM');
    expect(exits).toEqual([143]);
  });

  it('may come from inside, and a signal long after that forces', async () => {
    const { emitter, exits, stop, pass } = setUp();
    stop.request();
    await stop.requested;
    pass(501);
    emitter.emit('SIGINT', 'SIGINT');
    expect(exits).toEqual([130]);
  });

  it('leaves no listener behind', () => {
    const { emitter, stop } = setUp();
    stop.dispose();
    expect(emitter.eventNames()).toEqual([]);
  });
});
