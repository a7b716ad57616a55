// Who may try to come in, and how often: connections and failed logins per address.
import { isIPv6 } from 'node:net';
import { addressBytes } from './hosts.ts';
import { type RateLimit, TokenBuckets } from './token-buckets.ts';

export interface AdmissionLimits {
  /** New connections of one address. Generous: behind one address may be a thousand devices. */
  readonly connections: RateLimit;
  /** Failed logins under one username from one address. Strict: nobody who is right fails. */
  readonly failedLogins: RateLimit;
  /** Failed logins of one address under any username. */
  readonly failedLoginsOfAddress: RateLimit;
}

export const DEFAULT_ADMISSION: AdmissionLimits = {
  connections: { burst: 2000, perSecond: 200 },
  failedLogins: { burst: 10, perSecond: 0.5 },
  failedLoginsOfAddress: { burst: 200, perSecond: 20 },
};

/**
 * Where too many logins have failed, more are turned away unread for a while, so that guessing is slow
 * and costs us no hash. A right password is turned away with them: one name from one address, not the
 * name from elsewhere and not other names, unless the whole address fails too often.
 */
export class Admission {
  private readonly connections: TokenBuckets;
  private readonly logins: TokenBuckets;
  private readonly addresses: TokenBuckets;

  /** @param clock milliseconds that never go back */
  constructor(limits: AdmissionLimits, clock: () => number) {
    this.connections = new TokenBuckets(limits.connections, clock);
    this.logins = new TokenBuckets(limits.failedLogins, clock);
    this.addresses = new TokenBuckets(limits.failedLoginsOfAddress, clock);
  }

  /** Counts a new connection; false where it is one too many. */
  admitConnection(address: string): boolean {
    return this.connections.take(networkOf(address));
  }

  /** False while this login would not even be looked at. */
  admitLogin(address: string, username: string): boolean {
    const network = networkOf(address);
    return this.addresses.has(network) && this.logins.has(loginKey(network, username));
  }

  recordFailure(address: string, username: string): void {
    const network = networkOf(address);
    this.addresses.take(network);
    this.logins.take(loginKey(network, username));
  }
}

/** An IPv6 host has a network of 64 bits to itself as a rule. */
function networkOf(address: string): string {
  if (!isIPv6(address)) return address;
  const bytes = addressBytes(address);
  const isMapped = bytes.subarray(0, 12).toString('hex') === '00000000000000000000ffff';
  return isMapped ? bytes.subarray(12).join('.') : bytes.subarray(0, 8).toString('hex');
}

/** A username may be 64 kB long, as long as nobody has looked at it. */
function loginKey(network: string, username: string): string {
  return `${network} ${username.slice(0, 65)}`;
}
