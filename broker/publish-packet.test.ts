// PUBLISH headers byte by byte.
import { describe, expect, it } from 'vitest';
import { publishHeader } from './publish-packet.ts';

const message = (payloadBytes: number, retain = false) => ({
  topic: 'a/ü',
  payload: Buffer.alloc(payloadBytes),
  retain,
});

describe('a PUBLISH header', () => {
  it('holds flags, length, topic and message id', () => {
    expect(publishHeader(message(3), { qos: 0, messageId: 0, dup: false }).toString('hex')).toBe(
      '30090004612fc3bc',
    );
    expect(
      publishHeader(message(3, true), { qos: 1, messageId: 258, dup: false }).toString('hex'),
    ).toBe('330b0004612fc3bc0102');
    const again = publishHeader(message(3), { qos: 2, messageId: 258, dup: true });
    expect(again.toString('hex')).toBe('3c0b0004612fc3bc0102');
  });

  it.each([
    [127, '7f'],
    [128, '8001'],
    [16_383, 'ff7f'],
    [16_384, '808001'],
    [2_097_151, 'ffff7f'],
    [2_097_152, '80808001'],
  ])('writes a remaining length of %i as the standard has it', (remaining, hex) => {
    const header = publishHeader(message(remaining - 6), { qos: 0, messageId: 0, dup: false });
    expect(header.subarray(1, 1 + hex.length / 2).toString('hex')).toBe(hex);
  });
});
