// The queue of a shared subscription: order, bounds, and what it still holds.
import { beforeEach, describe, expect, it } from 'vitest';
import { OwedQueue } from './owed-queue.ts';

let queue: OwedQueue;

beforeEach(() => {
  queue = new OwedQueue();
});

const message = (seq: number, bytes = 1) => {
  return { topic: 'a', payload: Buffer.alloc(bytes), retain: false, seq };
};
const seqs = () => [...queue].map(({ seq }) => seq);

describe('a queue of what is owed', () => {
  it('gives the first and holds the others, through any number', () => {
    for (let seq = 0; seq < 5000; seq += 1) queue.push(message(seq));
    for (let seq = 0; seq < 4990; seq += 1) {
      expect(queue.first?.seq).toBe(seq);
      queue.shift();
    }
    expect([queue.length, seqs()]).toEqual([10, [...Array(10)].map((_, at) => 4990 + at)]);
    for (let left = 10; left >= 0; left -= 1) queue.shift();
    expect([queue.length, queue.first, seqs()]).toEqual([0, undefined, []]);
  });

  it('has room by number and by bytes of what waits', () => {
    const limits = { messages: 3, bytes: 10 };
    for (const seq of [1, 2, 3]) queue.push(message(seq, 2));
    expect(queue.hasRoom(message(4), limits)).toBe(false);
    queue.shift();
    const room = [6, 7].map((bytes) => queue.hasRoom(message(4, bytes), limits));
    expect(room).toEqual([true, false]);
  });

  it('sorts what came back late to where it was', () => {
    for (const seq of [9, 3, 4]) queue.push(message(seq));
    queue.shift();
    queue.push(message(1));
    queue.sort();
    expect(seqs()).toEqual([1, 3, 4]);
    expect(queue.first?.seq).toBe(1);
  });
});
