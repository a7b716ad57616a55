// Token buckets by key: how often something may happen per address, in bounded memory.

/** `burst` at once, and `perSecond` on average. */
export interface RateLimit {
  readonly burst: number;
  readonly perSecond: number;
}

interface Bucket {
  tokens: number;
  filledAtMs: number;
}

/**
 * One bucket per key, full at first. Of more than `maxKeys` keys the one that was quiet for longest is
 * forgotten: its bucket is the likeliest to be full again.
 */
export class TokenBuckets {
  private readonly limit: RateLimit;
  private readonly clock: () => number;
  private readonly maxKeys: number;
  /** In the order of their last use. */
  private readonly buckets = new Map<string, Bucket>();

  /** @param clock milliseconds that never go back */
  constructor(limit: RateLimit, clock: () => number, maxKeys = 10_000) {
    this.limit = limit;
    this.clock = clock;
    this.maxKeys = maxKeys;
  }

  get size(): number {
    return this.buckets.size;
  }

  /** True while there is a token; takes none. */
  has(key: string): boolean {
    const bucket = this.buckets.get(key);
    return bucket === undefined || this.tokensIn(bucket) >= 1;
  }

  /** Takes a token; false where there was none. */
  take(key: string): boolean {
    const nowMs = this.clock();
    const bucket = this.buckets.get(key);
    const tokens = bucket ? this.tokensIn(bucket) : this.limit.burst;
    const isThere = tokens >= 1;
    this.buckets.delete(key);
    this.buckets.set(key, { tokens: isThere ? tokens - 1 : tokens, filledAtMs: nowMs });
    if (this.buckets.size > this.maxKeys) this.forgetOldest();
    return isThere;
  }

  private tokensIn({ filledAtMs, tokens }: Bucket): number {
    const earned = ((this.clock() - filledAtMs) / 1000) * this.limit.perSecond;
    return Math.min(this.limit.burst, tokens + earned);
  }

  private forgetOldest(): void {
    const [oldest] = this.buckets.keys();
    if (oldest !== undefined) this.buckets.delete(oldest);
  }
}
