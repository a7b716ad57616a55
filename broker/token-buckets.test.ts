import { describe, expect, it } from 'vitest';
import { Admission, DEFAULT_ADMISSION } from './admission.ts';
import { TokenBuckets } from './token-buckets.ts';

/** How many of `count` are let through. */
function passing(count: number, take: () => boolean): number {
  return Array.from({ length: count }, take).filter(Boolean).length;
}

describe('token buckets', () => {
  it('let a burst through, and then as many as come back in time', () => {
    let nowMs = 0;
    const buckets = new TokenBuckets({ burst: 5, perSecond: 2 }, () => nowMs);
    expect(passing(20, () => buckets.take('a'))).toBe(5);
    nowMs += 1500;
    expect(passing(20, () => buckets.take('a'))).toBe(3);
    nowMs += 3_600_000;
    expect(passing(20, () => buckets.take('a'))).toBe(5);
  });

  it('count each key for itself', () => {
    const buckets = new TokenBuckets({ burst: 2, perSecond: 1 }, () => 0);
    expect(passing(9, () => buckets.take('a'))).toBe(2);
    expect(passing(9, () => buckets.take('b'))).toBe(2);
  });

  it('say whether there is a token without taking one', () => {
    const buckets = new TokenBuckets({ burst: 1, perSecond: 1 }, () => 0);
    expect([buckets.has('a'), buckets.has('a'), buckets.take('a')]).toEqual([true, true, true]);
    expect([buckets.has('a'), buckets.take('a')]).toEqual([false, false]);
  });

  it('stay within their number of keys, and forget the quietest first', () => {
    const buckets = new TokenBuckets({ burst: 1, perSecond: 0 }, () => 0, 100);
    buckets.take('busy');
    for (let index = 0; index < 10_000; index += 1) {
      buckets.take(`address-${index}`);
      buckets.take('busy');
    }
    expect(buckets.size).toBe(100);
    expect(buckets.has('busy')).toBe(false);
    expect(buckets.has('address-0')).toBe(true);
    expect(buckets.has('address-9999')).toBe(false);
  });
});

describe('admission', () => {
  const create = () => new Admission(DEFAULT_ADMISSION, () => 0);
  const fail = (admission: Admission, address: string, username: string) => () => {
    if (!admission.admitLogin(address, username)) return false;
    admission.recordFailure(address, username);
    return true;
  };

  it('lets a thousand clients of one address connect at once, and not ten thousand', () => {
    const admission = create();
    expect(passing(1000, () => admission.admitConnection('10.0.0.1'))).toBe(1000);
    expect(passing(9000, () => admission.admitConnection('10.0.0.1'))).toBe(1000);
    expect(admission.admitConnection('10.0.0.2')).toBe(true);
  });

  it('turns one name away after ten failures, but neither other names nor other addresses', () => {
    const admission = create();
    expect(passing(100, fail(admission, '10.0.0.1', 'dev-1'))).toBe(10);
    expect(admission.admitLogin('10.0.0.1', 'dev-2')).toBe(true);
    expect(admission.admitLogin('10.0.0.2', 'dev-1')).toBe(true);
  });

  it('turns an address away that fails under ever new names', () => {
    const admission = create();
    let index = 0;
    const guess = () => fail(admission, '10.0.0.1', `dev-${index++}`)();
    expect(passing(1000, guess)).toBe(200);
    expect(admission.admitLogin('10.0.0.2', 'dev-1')).toBe(true);
  });

  it('takes the addresses of one IPv6 network for one, and mapped IPv4 for IPv4', () => {
    const admission = create();
    let index = 0;
    const next = () => fail(admission, `2001:db8::${(++index).toString(16)}`, 'dev-1')();
    expect(passing(100, next)).toBe(10);
    expect(admission.admitLogin('2001:db8:0:1::1', 'dev-1')).toBe(true);
    passing(100, fail(admission, '::ffff:10.0.0.9', 'dev-1'));
    expect(admission.admitLogin('10.0.0.9', 'dev-1')).toBe(false);
  });

  it('remembers no more of a name than can be one', () => {
    const admission = create();
    const long = 'x'.repeat(60_000);
    passing(20, fail(admission, '10.0.0.1', long));
    expect(admission.admitLogin('10.0.0.1', `${long}y`)).toBe(false);
  });
});
