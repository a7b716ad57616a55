import { describe, expect, it } from 'vitest';
import { readLayout, readRow } from './csv-layout.ts';

const split = (line: string) => line.split(',');

describe('readLayout', () => {
  it.each([
    ['a header with id and label', 'id,a,b,label', 'r1,0.1,0.2,rock', [true, 'id', 0, 3, 2]],
    ['a header alone', 'id,a,b', undefined, [true, 'id', 0, null, 2]],
    ['the id in the middle', 'a,id,b', '1,2,3', [true, 'id', 1, null, 2]],
    ['numbers as names beside an id', 'id,0,1', 'x,0.1,0.2', [true, 'id', 0, null, 2]],
    ['a label column by its name, of numbers', 'a,b,Class', '0.1,0.2,1', [true, 'row', null, 2, 2]],
    ['a label column by its content', 'a,b,kind', '0.1,0.2,rock', [true, 'row', null, 2, 2]],
    ['a bad value, not a label', 'id,a,b', 'r1,oops,rock', [true, 'id', 0, null, 2]],
    ['no header and no label', '0.1,0.2', '0.3,0.4', [false, 'row', null, null, 2]],
    ['no header and a label', '0.1,0.2,R', '0.3,0.4,M', [false, 'row', null, 2, 2]],
    ['no header, an id and a label', 'r1,0.1,0.2,R', 'r2,0.3,0.4,M', [false, 'id', 0, 3, 2]],
    ['no header and an id', 'r1,0.1,0.2', 'r2,0.3,0.4', [false, 'id', 0, null, 2]],
  ])('reads %s', (_, first, second, expected) => {
    const layout = readLayout(split(first), second === undefined ? undefined : split(second));
    const { hasHeader, idName, idColumn, labelColumn, width } = layout;
    expect([hasHeader, idName, idColumn, labelColumn, width]).toEqual(expected);
  });

  it('follows what the caller knows', () => {
    const hints = { idColumn: 'key', labelColumn: 'truth', header: true };
    expect(readLayout(split('truth,key,1'), split('0,7,0.5'), hints)).toEqual({
      hasHeader: true,
      idName: 'key',
      idColumn: 1,
      labelColumn: 0,
      width: 1,
    });
    expect(readLayout(['a'], ['0.1'], { header: false }).hasHeader).toBe(false);
  });
});

describe('readRow', () => {
  const layout = readLayout(split('id,a,b,label'), split('r1,0.1,0.2,rock'));

  it('takes id, label and values apart', () => {
    expect(readRow(['r1', ' 0.5', '0.25 ', 'rock '], 1, layout)).toEqual({
      number: 1,
      id: 'r1',
      expected: 'rock',
      values: new Float32Array([0.5, 0.25]),
      notNumber: null,
    });
  });

  it.each(['', ' ', 'x', 'NaN', '1 2', '0,5'])('notices %j among the values', (text) => {
    const { notNumber } = readRow(['r1', '0.5', text, 'rock'], 1, layout);
    expect(notNumber).toEqual({ column: 1, text });
  });

  it('takes what a short row has', () => {
    expect(readRow(['r1'], 7, layout)).toMatchObject({
      id: 'r1',
      expected: '',
      values: { length: 0 },
    });
  });
});
