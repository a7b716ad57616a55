// The trie finds exactly the filters that match one by one.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isTopicFilter, isTopicName, matchesFilter } from '../schemas/filters.ts';
import { TopicTrie } from './topic-trie.ts';

const level = fc.constantFrom('a', 'b', '', '$SYS');
const topicName = fc
  .array(level, { minLength: 1, maxLength: 4 })
  .map((levels) => levels.join('/'))
  .filter(isTopicName);
const filter = fc
  .array(fc.oneof(level, fc.constantFrom('+', '#')), { minLength: 1, maxLength: 4 })
  .map((levels) => levels.join('/'))
  .filter(isTopicFilter);

describe('the topic trie', () => {
  it('finds what matches, also after others were removed', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(filter, { maxLength: 12 }),
        fc.uniqueArray(filter, { maxLength: 6 }),
        topicName,
        (kept, removed, topic) => {
          const trie = new TopicTrie<string>();
          for (const each of [...kept, ...removed]) trie.add(each, each);
          for (const each of removed) trie.remove(each, each);
          const expected = kept.filter(
            (each) => !removed.includes(each) && matchesFilter(each, topic),
          );
          expect([...trie.match(topic)].sort()).toEqual(expected.sort());
        },
      ),
      { numRuns: 3000 },
    );
  });

  it('gives a value once though several filters match, and ignores what is not there', () => {
    const trie = new TopicTrie<string>();
    trie.add('a/+', 'x');
    trie.add('a/#', 'x');
    trie.add('a/b', 'y');
    trie.remove('a/b', 'x');
    trie.remove('c/d', 'x');
    expect([...trie.match('a/b')].sort()).toEqual(['x', 'y']);
  });
});
