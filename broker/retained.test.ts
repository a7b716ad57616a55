// Retained messages without a network: replaced, deleted, matched and bounded.
import { beforeEach, describe, expect, it } from 'vitest';
import { MemoryJournal } from './memory-journal.fixture.ts';
import { Retained } from './retained.ts';

let journal: MemoryJournal;
let retained: Retained;

beforeEach(() => {
  journal = new MemoryJournal();
  // A topic of one letter and a payload of one byte are 2 bytes.
  retained = new Retained({ messages: 3, bytes: 12 }, journal);
});

const store = (topic: string, text: string) =>
  retained.store({ topic, payload: Buffer.from(text), qos: 1 });
const found = (...filters: string[]) =>
  retained.matching(filters).map(({ topic, payload }) => `${topic}=${payload.toString()}`);

describe('retained messages', () => {
  it('are one per topic, the last; an empty one deletes', () => {
    expect([store('a', '1'), store('a', '2'), store('b', '3')]).toEqual([true, true, true]);
    expect(found('#')).toEqual(['a=2', 'b=3']);
    expect([store('a', ''), store('c', '')]).toEqual([true, true]);
    expect(found('#')).toEqual(['b=3']);
  });

  it('are found by any of the filters, each once', () => {
    for (const topic of ['a', 'a/b', '$S']) store(topic, '1');
    expect(found('a/#', '+/b', 'x')).toEqual(['a=1', 'a/b=1']);
    expect(found('#', '$share/g/a')).toEqual(['a=1', 'a/b=1']);
    expect(found('$S')).toEqual(['$S=1']);
  });

  it('are bounded in number: no new topic is kept, and a known one still changes', () => {
    for (const topic of ['a', 'b', 'c']) store(topic, '1');
    expect(store('d', '1')).toBe(false);
    expect(store('a', '2')).toBe(true);
    store('b', '');
    expect(store('d', '1')).toBe(true);
    expect(found('#').sort()).toEqual(['a=2', 'c=1', 'd=1']);
  });

  it('are bounded in bytes: what was stored before stays, and what is freed can be used', () => {
    expect(store('a', 'x'.repeat(9))).toBe(true);
    expect(store('b', 'xx')).toBe(false);
    expect(store('a', 'x'.repeat(12))).toBe(false);
    expect(found('a')).toEqual(['a=xxxxxxxxx']);
    expect(store('a', 'x'.repeat(11))).toBe(true);
    store('a', '');
    expect(store('b', 'x'.repeat(11))).toBe(true);
  });

  it('are journalled as they are kept', () => {
    for (const [topic, text] of Object.entries({ a: '1', b: '2' })) store(topic, text);
    store('a', '3');
    store('b', '');
    store('c', 'x'.repeat(99));
    expect(journal.entries).toEqual([['r/a', { topic: 'a', payload: Buffer.from('3'), qos: 1 }]]);
  });
});
