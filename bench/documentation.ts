// A run as a page of the documentation: the machine, the verdict, all figures. Pure.
import { misses, type PartResult } from './figures.ts';
import type { Machine } from './machine.ts';
import { renderMarkdown } from './table.ts';

/** Where somebody writes; what stands after it is kept when the page is written again. */
export const NOTES = '<!-- Below this line the page is written by hand. -->';

/**
 * @param before the page as it was, or `null`
 * @param chart the file of the chart, beside the page
 */
export function renderDocumentation(
  machine: Machine,
  results: readonly PartResult[],
  chart: string,
  before: string | null,
): string {
  const missed = misses(results);
  const verdict =
    missed.length === 0
      ? ['Every bar was met.']
      : ['Not met:', '', ...missed.map((line) => `- ${line}`)];
  return `${[
    '# Performance',
    '',
    'Written by `npm run bench -- --write-docs`. Each ratio is the agent by a peer in the same run, round by round,',
    'on the same machine as the load and the broker, with access rules, books and all checks on. The value is the',
    'median of the rounds, the interval a 95 % bootstrap interval of that median.',
    '',
    ...describe(machine),
    '',
    ...verdict,
    '',
    `![All ratios](${chart})`,
    '',
    ...results.flatMap((result) => [renderMarkdown(result), '']),
    NOTES,
  ].join('\n')}${notesOf(before)}`;
}

function describe({ commit, date, loadBefore, memory, processor, system, versions }: Machine) {
  const list = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return [
    `- ${date.slice(0, 10)}, commit ${commit}`,
    `- ${processor}, ${memory}, load before the run ${loadBefore.toFixed(2)}`,
    `- ${system}`,
    `- ${list.join(', ')}`,
  ];
}

function notesOf(before: string | null): string {
  const at = before?.indexOf(NOTES) ?? -1;
  return before !== null && at >= 0 ? before.slice(at + NOTES.length) : '\n';
}
