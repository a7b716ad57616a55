// What a process and its children cost: processor time and memory, from /proc (Linux).
import { readdir, readFile } from 'node:fs/promises';

const KIB = 1024;

/** User and system time of a thread in seconds, from the text of /proc/PID/task/TID/schedstat. */
export function parseCpuSeconds(schedstat: string): number {
  return Number(schedstat.split(' ')[0]) / 1e9;
}

/** Resident memory in bytes, from the text of /proc/PID/status. */
export function parseResidentBytes(status: string): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * KIB;
}

/**
 * Processor time of a process and the children that live now, in seconds. By thread, since /proc/PID/stat counts
 * in steps of 10 ms.
 */
export function cpuSecondsOf(pid: number): Promise<number> {
  return sumOverTree(pid, async (one) => {
    const threads = await readdir(`/proc/${one}/task`);
    const times = threads.map(async (thread) => {
      // It may have ended since.
      const text = await readFile(`/proc/${one}/task/${thread}/schedstat`, 'utf8').catch(() => '0');
      return parseCpuSeconds(text);
    });
    return (await Promise.all(times)).reduce((sum, seconds) => sum + seconds, 0);
  });
}

/** Resident memory of a process and its children, in bytes; pages that they share count for each. */
export function residentBytesOf(pid: number): Promise<number> {
  return sumOverTree(pid, async (one) => {
    return parseResidentBytes(await readFile(`/proc/${one}/status`, 'utf8'));
  });
}

async function sumOverTree(
  pid: number,
  measure: (pid: number) => Promise<number>,
): Promise<number> {
  const own = await measure(pid);
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  const theirs = children.split(' ').filter(Boolean).map(Number);
  const sums = theirs.map((child) => sumOverTree(child, measure).catch(() => 0));
  return (await Promise.all(sums)).reduce((sum, one) => sum + one, own);
}
