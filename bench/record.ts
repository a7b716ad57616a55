// What runs found so far, part by part: a run of some parts takes the place of those alone. Pure.
import type { PartResult } from './figures.ts';
import type { Machine } from './machine.ts';

/** What one run of a part found, and where, when and with what it ran. */
export interface Recorded {
  readonly part: string;
  readonly machine: Machine;
  readonly results: readonly PartResult[];
}

/**
 * @param order of the parts
 * @param before the text of an earlier record, or `null`
 * @throws {Error} where that is none
 */
export function readRecord(order: readonly string[], before: string | null): Recorded[] {
  if (before === null) return [];
  const parsed = JSON.parse(before) as { parts?: unknown };
  if (!Array.isArray(parsed.parts)) {
    throw new Error('the record of earlier runs holds no parts: remove the file and run all again');
  }
  return (parsed.parts as Recorded[]).filter(({ part }) => order.includes(part));
}

/** A part that came to no end leaves what was known of it. */
export function addToRecord(
  order: readonly string[],
  record: readonly Recorded[],
  latest: Recorded,
): Recorded[] {
  if (latest.results.length === 0 || latest.results.some(({ failed }) => failed))
    return [...record];
  const others = record.filter(({ part }) => part !== latest.part);
  return [...others, latest].sort(
    (one, other) => order.indexOf(one.part) - order.indexOf(other.part),
  );
}

export function renderRecord(record: readonly Recorded[]): string {
  return `${JSON.stringify({ parts: record }, null, 1)}\n`;
}
