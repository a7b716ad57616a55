import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type KeptReading, OutboxQueue, type QueueLimits } from './outbox-queue.ts';

const ROOMY: QueueLimits = { maxCount: 1000, maxBytes: 1e6, maxOut: 2 };
const always = () => true;

function reading(number: number, change: Partial<KeptReading> = {}): KeptReading {
  return {
    number,
    id: `r-${number}`,
    model: 'sonar',
    width: 3,
    bytes: 10,
    capturedAtMs: 0,
    attempts: 0,
    ...change,
  };
}

/** Readings 1 to count; the n-th is over at n seconds. */
function filled(count: number, limits: Partial<QueueLimits> = {}): OutboxQueue {
  const queue = new OutboxQueue({ ...ROOMY, ...limits });
  for (let number = 1; number <= count; number += 1) queue.add(reading(number), number * 1000);
  return queue;
}

const numbers = (readings: readonly KeptReading[]) => readings.map(({ number }) => number);

describe('the queue of an outbox', () => {
  it('gives what is due in order of capture, as many as may be out', () => {
    const queue = filled(5);
    const first = queue.take(always);
    expect(numbers(first)).toEqual([1, 2]);
    expect(queue.take(always)).toEqual([]);
    queue.remove(first[0] as KeptReading);
    expect(numbers(queue.take(always))).toEqual([3]);
  });

  it('lets a model that nobody serves hold up no other', () => {
    const queue = filled(3);
    for (const number of [4, 5]) queue.add(reading(number, { model: 'other' }), 9000);
    expect(numbers(queue.take((model) => model === 'other'))).toEqual([4, 5]);
    expect(numbers(queue.take(always))).toEqual([1, 2]);
  });

  it('merges models in order of capture', () => {
    const queue = new OutboxQueue(ROOMY);
    for (const number of [1, 2, 3, 4]) {
      queue.add(reading(number, { model: number % 2 ? 'a' : 'b' }), 9000);
    }
    expect(numbers(queue.take(always))).toEqual([1, 2, 3, 4]);
  });

  it('has what is given back at its place again', () => {
    const queue = filled(4);
    queue.giveBack(queue.take(always));
    expect(numbers(queue.take(always))).toEqual([1, 2]);
  });

  it('drops the oldest that is not out where there are too many', () => {
    const queue = filled(6, { maxCount: 4 });
    queue.take(always);
    expect(numbers(queue.overflow())).toEqual([3, 4]);
    expect(queue.count).toBe(4);
  });

  it('drops by bytes too, and what is out where nothing else is left', () => {
    const queue = filled(2, { maxBytes: 15 });
    queue.take(always);
    expect(numbers(queue.overflow())).toEqual([1]);
    expect(queue.bytes).toBe(10);
  });

  it('removes what is over and not out, and names the next', () => {
    const queue = filled(5);
    queue.take(always);
    expect(queue.nextExpiryMs).toBe(3000);
    expect(numbers(queue.expire(4000))).toEqual([3, 4]);
    expect(queue.nextExpiryMs).toBe(5000);
  });

  it('knows a name while the reading is held, by model and id', () => {
    const queue = filled(1);
    expect(queue.has('sonar', 'r-1')).toBe(true);
    expect(queue.has('other', 'r-1')).toBe(false);
    expect(queue.remove(reading(1))).toBe(true);
    expect(queue.remove(reading(1))).toBe(false);
    expect(queue.has('sonar', 'r-1')).toBe(false);
  });

  it('holds its bounds and loses nothing, whatever happens in whatever order', () => {
    const action = fc.constantFrom('add', 'take', 'back', 'answer', 'expire');
    fc.assert(
      fc.property(fc.array(fc.tuple(action, fc.nat(3)), { maxLength: 200 }), (actions) => {
        const queue = new OutboxQueue({ maxCount: 7, maxBytes: 60, maxOut: 3 });
        const out: KeptReading[] = [];
        let added = 0;
        let gone = 0;
        const forget = (readings: readonly KeptReading[]) => {
          gone += readings.length;
          for (const each of readings) if (out.includes(each)) out.splice(out.indexOf(each), 1);
        };
        for (const [name, pick] of actions) {
          if (name === 'add') {
            added += 1;
            queue.add(reading(added, { model: `m${pick % 2}` }), added);
            forget(queue.overflow());
          }
          if (name === 'take') {
            const taken = queue.take((model) => pick < 2 || model === 'm0');
            expect(numbers(taken)).toEqual(numbers(taken).sort((a, b) => a - b));
            out.push(...taken);
          }
          if (name === 'back') queue.giveBack(out.splice(0, pick));
          if (name === 'answer') {
            for (const each of out.splice(0, pick)) gone += queue.remove(each) ? 1 : 0;
          }
          if (name === 'expire') forget(queue.expire(added - pick));
          expect(queue.count).toBe(added - gone);
          expect(queue.bytes).toBe(10 * queue.count);
          expect(queue.count).toBeLessThanOrEqual(6);
          for (const model of ['m0', 'm1']) {
            expect(out.filter((each) => each.model === model).length).toBeLessThanOrEqual(3);
          }
        }
      }),
    );
  });
});
