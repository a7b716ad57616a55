// All parts as a page of the documentation: the machine, the verdict, all figures. Pure.
import { misses } from './figures.ts';
import type { Machine } from './machine.ts';
import type { Recorded } from './record.ts';
import { renderMarkdown } from './table.ts';

/** Where somebody writes; what stands after it is kept when the page is written again. */
export const NOTES = '<!-- Below this line the page is written by hand. -->';

/**
 * @param record all parts, each with the run that found it
 * @param chart the file of the chart, beside the page
 * @param before the page as it was, or `null`
 */
export function renderDocumentation(
  record: readonly Recorded[],
  chart: string,
  before: string | null,
): string {
  const missed = misses(record.flatMap(({ results }) => results));
  const verdict =
    missed.length === 0
      ? ['Every bar was met.']
      : ['Not met:', '', ...missed.map((line) => `- ${line}`)];
  return `${[
    '# Performance',
    '',
    'Written by `npm run bench -- --write-docs` from [performance.json](performance.json). Each ratio is the agent',
    'by a peer in the same run, round by round, on the same machine as the load and the broker, with access rules,',
    'books and all checks on. The value is the median of the rounds, the interval a 95 % bootstrap interval of that',
    'median. Rounds end early where the intervals are narrow.',
    '',
    ...machinesOf(record),
    '',
    ...verdict,
    '',
    `![All ratios](${chart})`,
    '',
    ...record.flatMap(({ machine, results }) =>
      results.flatMap((result) => [renderMarkdown(result), '', whenOf(machine), '']),
    ),
    NOTES,
  ].join('\n')}${notesOf(before)}`;
}

/** Each machine once, with its versions and the parts that ran on it. */
function machinesOf(record: readonly Recorded[]): string[] {
  const parts = new Map<string, string[]>();
  for (const { machine, part } of record) {
    const line = describe(machine);
    parts.set(line, [...(parts.get(line) ?? []), part]);
  }
  return [...parts].map(([line, names]) =>
    parts.size === 1 ? `- ${line}` : `- ${names.join(', ')}: ${line}`,
  );
}

function describe({ memory, processor, system, versions }: Machine): string {
  const list = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return `${processor}, ${memory}; ${system}; ${list.join(', ')}`;
}

function whenOf({ commit, date, loadBefore }: Machine): string {
  return `${date.slice(0, 10)}, commit ${commit}, load before the run ${loadBefore.toFixed(2)}.`;
}

function notesOf(before: string | null): string {
  const at = before?.indexOf(NOTES) ?? -1;
  return before !== null && at >= 0 ? before.slice(at + NOTES.length) : '\n';
}
