// SUBSCRIBEs that overlap: each is settled by its own SUBACK alone.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type SubscribeFailure, Subscriber } from './subscriber.ts';

let asked: string[];
let failures: SubscribeFailure[];
let settled: string[];
let subscriber: Subscriber;

beforeEach(() => {
  vi.useFakeTimers();
  asked = [];
  failures = [];
  settled = [];
  subscriber = new Subscriber({
    ask: ([first]) => asked.push(first?.filter ?? ''),
    timeoutMs: 100,
    onFailure: (failure) => failures.push(failure),
  });
});

afterEach(() => {
  vi.useRealTimers();
});

const subscribe = (filter: string) =>
  subscriber.subscribe([{ filter, qos: 1 }], (isGranted) => settled.push(`${filter} ${isGranted}`));

describe('a SUBSCRIBE', () => {
  it('is settled by its own SUBACK, in whatever order they come, and once', () => {
    subscribe('a');
    subscribe('b');
    subscriber.receive(2, [1]);
    subscriber.receive(2, [1]);
    expect(settled).toEqual(['b true']);
    subscriber.receive(1, [1]);
    expect(settled).toEqual(['b true', 'a true']);
  });

  it('whose SUBACK came leaves no time-out behind, though others were asked beside it', () => {
    subscribe('a');
    subscribe('b');
    subscriber.receive(1, [1]);
    subscriber.receive(2, [1]);
    vi.advanceTimersByTime(1000);
    expect(failures).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('that is refused, weakened or not answered in time fails, and names its own filter', () => {
    subscribe('a');
    subscribe('b');
    subscribe('c');
    subscriber.receive(2, [0x80]);
    subscriber.receive(1, [0]);
    vi.advanceTimersByTime(100);
    expect(failures).toEqual([
      { kind: 'subscription', filter: 'b', detail: 'refused (code 128)' },
      { kind: 'subscription', filter: 'a', detail: 'granted at QoS 0 instead of 1' },
      { kind: 'lost', detail: 'the broker did not answer our SUBSCRIBE in time' },
    ]);
    expect(settled).toEqual([]);
  });

  it('is not granted where the connection ends before, and says nothing afterwards', () => {
    subscribe('a');
    subscribe('b');
    subscriber.receive(1, [1]);
    subscriber.close();
    subscriber.receive(2, [1]);
    vi.advanceTimersByTime(1000);
    expect(settled).toEqual(['a true', 'b false']);
    expect(failures).toEqual([]);
  });

  it('of nothing is granted at once', () => {
    subscriber.subscribe([], (isGranted) => settled.push(`nothing ${isGranted}`));
    expect(settled).toEqual(['nothing true']);
    expect(asked).toEqual([]);
  });
});
