import { describe, expect, it } from 'vitest';
import {
  cpuSecondsOf,
  parseCpuSeconds,
  parseResidentBytes,
  residentBytesOf,
} from './process-cost.ts';

describe('process cost', () => {
  it('reads user and system time behind a name with spaces and parentheses', () => {
    const stat = '4711 (node (x) y) S 1 4711 4711 0 -1 4194304 900 0 0 0 250 50 7 8 20 0 11 0 99';
    expect(parseCpuSeconds(stat)).toBe(3);
  });

  it('reads the resident memory', () => {
    expect(parseResidentBytes('VmPeak:\t  9 kB\nVmRSS:\t   2048 kB\nThreads:\t11\n')).toBe(
      2048 * 1024,
    );
  });

  it('sees this very process', async () => {
    expect(await residentBytesOf(process.pid)).toBeGreaterThan(10e6);
    expect(await cpuSecondsOf(process.pid)).toBeGreaterThan(0);
  });
});
