import { describe, expect, it } from 'vitest';
import { parseValues } from './read-values.ts';

describe('parseValues', () => {
  it.each([
    ['0.1 0.2', [0.1, 0.2]],
    ['0.1,0.2', [0.1, 0.2]],
    [' 0.1,\n\t-0.2 ;+3e-2\r\n', [0.1, -0.2, 0.03]],
    ['[0.1, 0.2]', [0.1, 0.2]],
    ['{"id":"x","values":[1,2]}', [1, 2]],
    [
      '[[1,2],[3,4]]',
      [
        [1, 2],
        [3, 4],
      ],
    ],
    ['\uFEFF[1]', [1]],
    ['.5 5.', [0.5, 5]],
  ])('reads %j', (text, value) => {
    expect(parseValues(text)).toEqual({ ok: true, value });
  });

  it.each([
    ['', 'VALUES_MISSING', 'no numbers'],
    ['[]', 'VALUES_MISSING', 'empty'],
    ['{"value":[1]}', 'VALUES_MISSING', '"values"'],
    ['"text"', 'VALUES_MISSING', 'array'],
    ['[1, 2', 'PAYLOAD_MALFORMED', 'no JSON'],
    ['[1, NaN]', 'PAYLOAD_MALFORMED', 'no JSON'],
    ['[1, "2"]', 'VALUES_NOT_NUMBERS', 'value 1, got "2"'],
    ['[1, null]', 'VALUES_NOT_NUMBERS', 'value 1, got null'],
    ['1 two 3', 'VALUES_NOT_NUMBERS', 'value 1, got "two"'],
    ['1 NaN', 'VALUES_NOT_NUMBERS', 'got "NaN"'],
    ['1 Infinity', 'VALUES_NOT_NUMBERS', 'got "Infinity"'],
    ['0x10', 'VALUES_NOT_NUMBERS', 'got "0x10"'],
    ['1,5e', 'VALUES_NOT_NUMBERS', 'got "5e"'],
  ])('refuses %j as %s', (text, code, detail) => {
    const result = parseValues(text);
    expect(result).toMatchObject({ ok: false, problem: { code } });
    expect(!result.ok && result.problem.detail).toContain(detail);
  });

  it('names the row of a batch that is wrong', () => {
    expect(parseValues('[[1],["a"]]')).toMatchObject({ problem: { row: 1 } });
    expect(parseValues('[[1],2]')).toMatchObject({ problem: { row: 1 } });
  });
});
