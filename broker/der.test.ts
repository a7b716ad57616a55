import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  bitString,
  integer,
  objectId,
  octetString,
  readElements,
  sequence,
  tagged,
  time,
  utf8String,
} from './der.ts';
import { addressBytes, isHostName } from './hosts.ts';

describe('DER', () => {
  it('writes object identifiers with arcs of several bytes', () => {
    expect(objectId('1.2.840.10045.4.3.2').toString('hex')).toBe('06082a8648ce3d040302');
    expect(objectId('2.5.29.19').toString('hex')).toBe('0603551d13');
  });

  it('writes integers without spare zeros and never negative', () => {
    expect(integer(Buffer.from([0, 0, 5])).toString('hex')).toBe('020105');
    expect(integer(Buffer.from([0x80])).toString('hex')).toBe('02020080');
    expect(integer(Buffer.from([0, 0])).toString('hex')).toBe('020100');
  });

  it('writes instants as UTCTime up to 2049 and as GeneralizedTime from then on', () => {
    expect(time(new Date('2049-12-31T23:59:59.900Z')).toString('latin1')).toBe(
      '\x17\x0d491231235959Z',
    );
    expect(time(new Date('2050-01-01T00:00:00Z')).toString('latin1')).toBe(
      '\x18\x0f20500101000000Z',
    );
  });

  it('writes how many bits of a bit string do not count', () => {
    expect(bitString(Buffer.from([0x80]), 7).toString('hex')).toBe('03020780');
  });

  it('reads back the elements that it wrote, of any length', () => {
    const content = fc.nat({ max: 70_000 }).map((length) => Buffer.alloc(length, length));
    fc.assert(
      fc.property(content, fc.string(), (bytes, text) => {
        const parts = [octetString(bytes), utf8String(text), tagged(3, bytes, 'explicit')];
        const [outer, ...rest] = readElements(sequence(...parts));
        expect(rest).toEqual([]);
        const read = readElements(outer?.content ?? Buffer.alloc(0));
        expect(read).toHaveLength(parts.length);
        expect(read.every(({ whole }, at) => whole.equals(parts[at] as Buffer))).toBe(true);
        expect(read[0]?.content.equals(bytes)).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it('refuses what is cut short, and never reads past the end', () => {
    const bytes = sequence(octetString(Buffer.alloc(300)));
    for (let length = 1; length < bytes.length; length += 1) {
      expect(() => readElements(bytes.subarray(0, length))).toThrow(RangeError);
    }
    fc.assert(
      fc.property(fc.uint8Array(), (noise) => {
        try {
          readElements(Buffer.from(noise));
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
      }),
    );
  });
});

describe('hosts in certificates', () => {
  it('spells addresses in 4 and 16 bytes', () => {
    expect([...addressBytes('127.0.0.1')]).toEqual([127, 0, 0, 1]);
    expect(addressBytes('::1').toString('hex')).toBe(`${'0'.repeat(31)}1`);
    expect(addressBytes('fe80::1:2%eth0').toString('hex')).toBe('fe800000000000000000000000010002');
    expect(addressBytes('::ffff:1.2.3.4').toString('hex')).toBe('00000000000000000000ffff01020304');
    expect(addressBytes('1:2:3:4:5:6:7:8').toString('hex')).toBe(
      '00010002000300040005000600070008',
    );
  });

  it('takes host names and nothing that only looks like one', () => {
    for (const name of ['localhost', 'edge-1.example', 'a.b.c'])
      expect(isHostName(name)).toBe(true);
    for (const name of ['', '-a', 'a-', 'a..b', '*.example', 'a b', 'mqtt://a', 'a:1', 'a\n']) {
      expect(isHostName(name), name).toBe(false);
    }
  });
});
