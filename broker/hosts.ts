// Host names and addresses as certificates carry them.
import { isIPv4 } from 'node:net';

const HOST_NAME =
  /^(?=.{1,253}$)[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$/;

/** True for a DNS name (RFC 1123), without a wildcard. */
export function isHostName(text: string): boolean {
  return HOST_NAME.test(text);
}

/** The 4 or 16 bytes of an address that `isIP` accepts; a zone (`%eth0`) is left out. */
export function addressBytes(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number));
  // The parser of URLs spells every IPv6 address in groups of hexadecimal digits alone.
  const { hostname } = new URL(`mqtt://[${address.split('%')[0]}]`);
  const [left = '', right] = hostname.slice(1, -1).split('::');
  const [head, tail] = [groupsOf(left), groupsOf(right ?? '')];
  const middle = Array<number>(8 - head.length - tail.length).fill(0);
  const groups = [...head, ...middle, ...tail];
  return Buffer.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
}

function groupsOf(text: string): number[] {
  return text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
}
