// What a process and its children cost: processor time and memory, from /proc (Linux).
import { readFile } from 'node:fs/promises';

/** Ticks of processor time in a second: what Linux tells programs on every architecture of ours. */
const TICKS_PER_SECOND = 100;
const KIB = 1024;

/** User and system time in seconds, from the text of /proc/PID/stat. */
export function parseCpuSeconds(stat: string): number {
  // The name in parentheses may hold anything; utime and stime are the 12th and 13th field behind it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Resident memory in bytes, from the text of /proc/PID/status. */
export function parseResidentBytes(status: string): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * KIB;
}

/** Processor time of a process and the children that live now, in seconds. */
export function cpuSecondsOf(pid: number): Promise<number> {
  return sumOverTree(pid, 'stat', parseCpuSeconds);
}

/** Resident memory of a process and its children, in bytes; pages that they share count for each. */
export function residentBytesOf(pid: number): Promise<number> {
  return sumOverTree(pid, 'status', parseResidentBytes);
}

async function sumOverTree(
  pid: number,
  file: string,
  parse: (text: string) => number,
): Promise<number> {
  const [text, children] = await Promise.all([
    readFile(`/proc/${pid}/${file}`, 'utf8'),
    readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => ''),
  ]);
  let sum = parse(text);
  for (const child of children.split(' ').filter(Boolean)) {
    // It may have ended since.
    sum += await sumOverTree(Number(child), file, parse).catch(() => 0);
  }
  return sum;
}
