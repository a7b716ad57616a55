import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import {
  cpuSecondsOf,
  parseCpuSeconds,
  parseResidentBytes,
  residentBytesOf,
} from './process-cost.ts';

describe('process cost', () => {
  it('reads the time on a processor, not the time of waiting for one', () => {
    expect(parseCpuSeconds('3000000000 9000000000 77\n')).toBe(3);
  });

  it('reads the resident memory', () => {
    expect(parseResidentBytes('VmPeak:\t  9 kB\nVmRSS:\t   2048 kB\nThreads:\t11\n')).toBe(
      2048 * 1024,
    );
  });

  it('sees this very process and its children', async () => {
    const alone = await residentBytesOf(process.pid);
    expect(alone).toBeGreaterThan(10e6);
    expect(await cpuSecondsOf(process.pid)).toBeGreaterThan(0);
    const child = spawn(process.execPath, ['-e', 'console.log(); setInterval(() => {}, 1e6)']);
    await once(child.stdout, 'data');
    expect(await residentBytesOf(process.pid)).toBeGreaterThan(alone + 10e6);
    child.kill();
    await once(child, 'exit');
  });
});
