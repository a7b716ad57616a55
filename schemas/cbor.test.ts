// CBOR in and out: examples, lies about lengths, and any bytes at all.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeCbor, encodeCbor, looksLikeCbor } from './cbor.ts';

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');

describe('cbor', () => {
  it('reads what it wrote', () => {
    const value = { id: 'a', values: [0.5, 1, -3e300], nested: { list: [true, null, 'ä'] } };
    expect(decodeCbor(encodeCbor(value))).toEqual({ ok: true, value });
    const typed = { values: new Float32Array([0.25, 0.5]) };
    expect(decodeCbor(encodeCbor(typed))).toEqual({ ok: true, value: typed });
  });

  it('is told from JSON by its first bytes', () => {
    expect(looksLikeCbor(hex('a0'))).toBe(true);
    expect(looksLikeCbor(hex('bf ff'))).toBe(true);
    expect(looksLikeCbor(hex('d9 d9f7 a0'))).toBe(true);
    expect(looksLikeCbor(Buffer.from('{}'))).toBe(false);
    expect(looksLikeCbor(hex('80'))).toBe(false);
    expect(looksLikeCbor(hex('d9 d9'))).toBe(false);
    expect(looksLikeCbor(hex(''))).toBe(false);
  });

  it('reads big-endian and self-described forms', () => {
    const big = decodeCbor(hex('a1 6161 d851 48 3f800000 40000000'));
    expect(big).toEqual({ ok: true, value: { a: new Float32Array([1, 2]) } });
    expect(decodeCbor(hex('d9d9f7 a1 6161 01'))).toEqual({ ok: true, value: { a: 1 } });
    expect(decodeCbor(hex('bf 6161 9f 01 02 ff ff'))).toEqual({ ok: true, value: { a: [1, 2] } });
  });

  it.each([
    ['an array that claims four thousand million items', 'a1 6161 9a ffffffff', 'ends too early'],
    ['a map that claims more than is there', 'bb 00ffffffffffffff', 'ends too early'],
    ['a string longer than the message', 'a1 6161 7b 7fffffffffffffff', 'ends too early'],
    ['a cut off number', 'a1 6161 fb 0000', 'ends too early'],
    ['two items', 'a0 a0', 'bytes follow'],
    ['a record of another library', 'a1 6161 d8 69 83', 'tag 105'],
    ['a typed array that is no byte string', 'a1 6161 d855 83 01 02 03', 'byte string'],
    ['a reserved length', 'a1 6161 1c', 'reserved'],
    ['a break out of place', 'a1 6161 ff', 'break'],
    ['an indefinite map without a last value', 'bf 6161 ff', 'without a last value'],
    ['an indefinite string', 'a1 6161 7f 6161 ff', 'indefinite'],
    ['a lone length byte of a simple value', 'a1 6161 f8 10', 'simple value'],
    ['nesting without end', `a1 6161 ${'81'.repeat(50)} 01`, 'nested too deeply'],
    ['nothing', '', 'ends too early'],
  ])('refuses %s', (_, bytes, reason) => {
    const result = decodeCbor(hex(bytes));
    expect(result.ok).toBe(false);
    expect(!result.ok && result.reason).toContain(reason);
  });

  it('answers any bytes with a value or a reason', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const map = Uint8Array.of(0xa1, 0x61, 0x61, ...bytes);
        for (const input of [bytes, map]) {
          const result = decodeCbor(input);
          expect(result.ok ? 'value' : typeof result.reason).toMatch(/value|string/);
        }
      }),
      { numRuns: 3000 },
    );
  });
});
