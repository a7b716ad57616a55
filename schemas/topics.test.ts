// The topic grammar: building and parsing are each other's inverse, and parsing is total.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isName, NAME_PATTERN } from './names.ts';
import {
  agentsFilter,
  allRepliesFilter,
  buildTopic,
  parseTopic,
  repliesFilter,
  sharedReadingsFilter,
  type Topic,
} from './topics.ts';

const name = fc.stringMatching(new RegExp(NAME_PATTERN));
const topic: fc.Arbitrary<Topic> = fc.oneof(
  fc.record({ kind: fc.constantFrom('reading', 'reply'), client: name, model: name }),
  fc.record({ kind: fc.constantFrom('status', 'stats', 'adopting'), agent: name }),
) as fc.Arbitrary<Topic>;

describe('topics', () => {
  it('are the ones of the contract', () => {
    const build = (each: Topic) => buildTopic('echolot', each);
    expect(build({ kind: 'reading', client: 'buoy-7', model: 'sonar' })).toBe(
      'echolot/v1/readings/buoy-7/sonar',
    );
    expect(build({ kind: 'reply', client: 'buoy-7', model: 'sonar' })).toBe(
      'echolot/v1/replies/buoy-7/sonar',
    );
    expect(build({ kind: 'status', agent: 'edge-1' })).toBe('echolot/v1/agents/edge-1/status');
    expect(build({ kind: 'stats', agent: 'edge-1' })).toBe('echolot/v1/agents/edge-1/stats');
    expect(build({ kind: 'adopting', agent: 'edge-1' })).toBe('echolot/v1/agents/edge-1/adopting');
    expect(sharedReadingsFilter('echolot', 'predictors', 'sonar')).toBe(
      '$share/predictors/echolot/v1/readings/+/sonar',
    );
    expect(agentsFilter('echolot', 'status')).toBe('echolot/v1/agents/+/status');
    expect(repliesFilter('echolot', 'buoy-7')).toBe('echolot/v1/replies/buoy-7/+');
    expect(allRepliesFilter('acme')).toBe('acme/v1/replies/+/+');
  });

  it('parse back to what they were built from', () => {
    fc.assert(
      fc.property(name, topic, (namespace, each) => {
        expect(parseTopic(namespace, buildTopic(namespace, each))).toEqual(each);
      }),
    );
  });

  it('parse to null or to a topic that builds the same text, whatever the text', () => {
    const segment = fc.oneof(
      name,
      fc.string(),
      fc.constantFrom(
        '',
        '+',
        '#',
        'echolot',
        'v1',
        'readings',
        'replies',
        'agents',
        'status',
        '$SYS',
      ),
    );
    fc.assert(
      fc.property(fc.array(segment, { maxLength: 7 }), (segments) => {
        const text = segments.join('/');
        const parsed = parseTopic('echolot', text);
        if (parsed !== null) expect(buildTopic('echolot', parsed)).toBe(text);
      }),
      { numRuns: 2000 },
    );
  });

  it('parse to null where a segment is missing, bad or too many', () => {
    for (const text of [
      'echolot/v1/readings/a',
      'echolot/v1/readings/a/sonar/more',
      'echolot/v1/readings//sonar',
      'echolot/v1/readings/a b/sonar',
      'echolot/v1/readings/a/',
      'other/v1/readings/a/sonar',
      'echolot/v2/readings/a/sonar',
      'echolot/v1/agents/a/other',
    ]) {
      expect(parseTopic('echolot', text), text).toBeNull();
    }
  });

  it('cannot be built from a name that holds a separator, a wildcard or nothing', () => {
    for (const bad of ['', 'a/b', '+', '#', 'a b', '.hidden', 'ä', 'x'.repeat(65), 'a\n']) {
      expect(isName(bad)).toBe(false);
      expect(() => buildTopic('echolot', { kind: 'status', agent: bad })).toThrow(RangeError);
      expect(() => buildTopic(bad, { kind: 'status', agent: 'edge-1' })).toThrow(RangeError);
    }
  });
});
