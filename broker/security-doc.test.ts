// Holds docs/security.md to the code: the tests that it names exist, its limits have their values.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { DEFAULT_LIMITS } from './limits.ts';

const root = new URL('../', import.meta.url);
const doc = readFileSync(new URL('docs/security.md', root), 'utf8');
const rows = doc.split('\n').filter((line) => line.startsWith('| '));

/** Every number of a nested object, by its path. */
function leaves(value: object, path = ''): [string, number][] {
  return Object.entries(value).flatMap(([key, each]: [string, unknown]) =>
    typeof each === 'object' && each !== null
      ? leaves(each, `${path}${key}.`)
      : [[`${path}${key}`, Number(each)] as [string, number]],
  );
}

describe('the threat model', () => {
  const threats = rows.filter((line) =>
    /^\| (Spoofing|Tampering|Repudiation|Disclosure|Denial|Elevation) /.test(line),
  );
  const named = threats.map((row) => [...row.matchAll(/`([^`]+\.ts)`: \*([^*]+)\*/g)]);

  it('names a test for every threat', () => {
    expect(threats.length).toBeGreaterThan(30);
    for (const [index, tests] of named.entries()) expect(tests, threats[index]).not.toEqual([]);
  });

  it.each(named.flat().map(([, file = '', title = '']) => [file, title]))(
    'names a test that is there: %s, %s',
    (file, title) => {
      const source = readFileSync(new URL(file, root), 'utf8');
      // As text in quotes, not as a pattern: a title may hold anything.
      const isThere = ["'", '"', '`'].some((quote) => source.includes(`${quote}${title}${quote},`));
      expect(isThere).toBe(true);
    },
  );
});

describe('the table of limits', () => {
  it('has every limit with its default, and no other', () => {
    const table = rows.flatMap((row) => {
      const [, limit, value] = /^\| `([\w.]+)` \| ([\d.]+) \|/.exec(row) ?? [];
      return limit ? [[limit, Number(value)]] : [];
    });
    expect(Object.fromEntries(table)).toEqual(Object.fromEntries(leaves(DEFAULT_LIMITS)));
  });
});
