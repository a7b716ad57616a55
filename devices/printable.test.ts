import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { printable, toJsonLine } from './printable.ts';

const UNSAFE = /[\p{C}\p{Zl}\p{Zp}]/u;

describe('printable', () => {
  it('lets no control, format or unpaired character through, and keeps the length', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.integer({ min: 1, max: 50 }), (text, most) => {
        const shown = printable(text, most);
        expect(shown).not.toMatch(UNSAFE);
        expect(Array.from(shown).length).toBeLessThanOrEqual(most);
      }),
    );
  });

  it.each([
    ['an escape sequence', '\u001b[2Jmetal', '\uFFFD[2Jmetal'],
    ['a C1 introducer', '\u009b2J', '\uFFFD2J'],
    ['a line break', 'a\r\nb', 'a\uFFFD\uFFFDb'],
    ['a bidirectional override', 'a\u202eb', 'a\uFFFDb'],
    ['ordinary text', 'größer ≥ 3 日本', 'größer ≥ 3 日本'],
  ])('shows %s without its power', (_, text, shown) => {
    expect(printable(text)).toBe(shown);
  });

  it('cuts what is too long', () => {
    expect(printable('abcdef', 4)).toBe('abc…');
  });
});

describe('toJsonLine', () => {
  it('gives one safe line of the same value', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' })),
        (value) => {
          const line = toJsonLine(value);
          expect(line).not.toMatch(UNSAFE);
          expect(JSON.parse(line)).toEqual(JSON.parse(JSON.stringify(value)));
        },
      ),
    );
  });
});
