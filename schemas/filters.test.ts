// Filters: the examples of the MQTT standard, and "covers" against its definition.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  coversFilter,
  isTopicFilter,
  isTopicName,
  matchesFilter,
  parseSharedFilter,
} from './filters.ts';

const level = fc.constantFrom('a', 'b', '', '$SYS');
const topicName = fc
  .array(level, { minLength: 1, maxLength: 4 })
  .map((levels) => levels.join('/'))
  .filter(isTopicName);
const filter = fc
  .tuple(fc.array(fc.oneof(level, fc.constant('+')), { minLength: 0, maxLength: 3 }), fc.boolean())
  .map(([levels, hash]) => [...levels, ...(hash ? ['#'] : [])].join('/'))
  .filter(isTopicFilter);

describe('filters', () => {
  it('match as the standard says', () => {
    const cases: [string, string, boolean][] = [
      ['sport/tennis/#', 'sport/tennis', true],
      ['sport/tennis/#', 'sport/tennis/ranking/x', true],
      ['sport/#', 'sport', true],
      ['#', 'sport', true],
      ['sport/+', 'sport', false],
      ['sport/+', 'sport/', true],
      ['+/+', '/finance', true],
      ['/+', '/finance', true],
      ['+', '/finance', false],
      ['#', '$SYS/broker', false],
      ['+/monitor', '$SYS/monitor', false],
      ['$SYS/#', '$SYS/broker', true],
      ['a/b', 'a/c', false],
    ];
    for (const [pattern, topic, expected] of cases) {
      expect(matchesFilter(pattern, topic), `${pattern} ${topic}`).toBe(expected);
    }
  });

  it('cover another filter only where every topic of that one is theirs', () => {
    fc.assert(
      fc.property(filter, filter, topicName, (outer, inner, topic) => {
        if (coversFilter(outer, inner) && matchesFilter(inner, topic)) {
          expect(matchesFilter(outer, topic)).toBe(true);
        }
      }),
      { numRuns: 5000 },
    );
  });

  it('cover what they should', () => {
    expect(coversFilter('a/+/c', 'a/b/c')).toBe(true);
    expect(coversFilter('a/+/c', 'a/+/c')).toBe(true);
    expect(coversFilter('a/#', 'a/+/c')).toBe(true);
    expect(coversFilter('a/+', 'a/#')).toBe(false);
    expect(coversFilter('a/b', 'a/+')).toBe(false);
    expect(coversFilter('#', '$share/g/a')).toBe(false);
  });

  it('are well formed or not', () => {
    for (const good of ['#', '+', 'a/+/b', 'a/#', '/', '+/+/#'])
      expect(isTopicFilter(good)).toBe(true);
    for (const bad of ['', 'a#', 'a/#/b', 'a+', '+a/b', 'a\0', 'x'.repeat(65_536)])
      expect(isTopicFilter(bad)).toBe(false);
    for (const bad of ['', '+', 'a/#', 'a\0b']) expect(isTopicName(bad)).toBe(false);
    expect(isTopicName('a/b')).toBe(true);
  });

  it('are taken apart where they are shared', () => {
    expect(parseSharedFilter('$share/g/a/+')).toEqual({ group: 'g', filter: 'a/+' });
    for (const bad of ['$share/g', '$share//a', '$share/g/', '$share/+/a', '$share/g/a#', 'a/b']) {
      expect(parseSharedFilter(bad)).toBeNull();
    }
  });
});
