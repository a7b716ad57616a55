import { describe, expect, it } from 'vitest';
import { reachableHost, urlOf } from './broker-address.ts';

describe('reachableHost', () => {
  it.each([
    ['0.0.0.0', '127.0.0.1'],
    ['::', '::1'],
    ['edge-1.local', 'edge-1.local'],
  ])('reaches a listener on %s at %s', (host, reachable) => {
    expect(reachableHost(host)).toBe(reachable);
  });
});

describe('urlOf', () => {
  it.each([
    ['127.0.0.1', 'mqtt://127.0.0.1:1883'],
    ['0.0.0.0', 'mqtt://127.0.0.1:1883'],
    ['::', 'mqtt://[::1]:1883'],
  ])('of a listener on %s is %s', (host, url) => {
    expect(urlOf({ host, port: 1883 })).toBe(url);
  });
});
