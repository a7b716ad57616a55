import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeStatus } from '../../schemas/encode.ts';
import { PROBE_GROUP } from '../probes.ts';
import { probePayload, tokenOf } from './payload.ts';

describe("a probe's message", () => {
  it('carries its token, and says to agents and clients that nobody is there', () => {
    const payload = probePayload('run-7');
    expect(tokenOf(payload)).toBe('run-7');
    expect(decodeStatus(payload)).toMatchObject({
      state: 'offline',
      group: PROBE_GROUP,
      models: [],
    });
  });

  it('is not mistaken: any other payload has no token', () => {
    const bytes = fc.uint8Array({ maxLength: 1200 }).map((each) => Buffer.from(each));
    const json = fc.json().map((each) => Buffer.from(each));
    fc.assert(fc.property(fc.oneof(bytes, json), (payload) => tokenOf(payload) === null));
    expect(tokenOf(Buffer.from('{"probe":"x"}'))).toBeNull();
  });
});
