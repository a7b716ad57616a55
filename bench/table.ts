// Figures as rows of text: for a terminal, and for the documentation. Pure.
import { describeBar, type Figure, type PartResult, type Unit } from './figures.ts';
import type { Estimate } from './statistics.ts';

const HEAD = ['what', 'who', 'median', '95 % interval', 'ratio', '95 % interval', 'to', 'bar', ''];
/** Columns with numbers stand to the right. */
const RIGHT = new Set([2, 3, 4, 5]);
const DIGITS: Record<Unit, number> = { 'readings/s': 0, ms: 3, µs: 1, MB: 0, s: 2, slope: 2 };

export function renderTable({ figures, missing, title }: PartResult): string {
  const rows = [HEAD, ...rowsOf(figures)];
  const widths = HEAD.map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  );
  const lines = (figures.length === 0 ? [] : rows).map((row) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return RIGHT.has(column) ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd(),
  );
  return [title, ...lines, ...missing.map(({ who, why }) => `not run: ${who}: ${why}`)].join('\n');
}

export function renderMarkdown({ figures, missing, title }: PartResult): string {
  const line = (row: readonly string[]) => `| ${row.join(' | ')} |`;
  const rule = HEAD.map((_, column) => (RIGHT.has(column) ? '--:' : '---'));
  const absences = missing.map(({ who, why }) => `Not run: ${who}: ${why}`);
  const table =
    figures.length === 0 ? [] : ['', line(HEAD), line(rule), ...rowsOf(figures).map(line)];
  return [`## ${title}`, ...table, ...absences.flatMap((text) => ['', text])].join('\n');
}

/** A figure that stands beside several peers is written once. */
function rowsOf(figures: readonly Figure[]): string[][] {
  return figures.map((figure, index) => {
    const before = figures[index - 1];
    const isAgain = before?.what === figure.what && before.who === figure.who;
    return isAgain ? ['', '', '', '', ...cells(figure).slice(4)] : cells(figure);
  });
}

function cells(figure: Figure): string[] {
  const { bar, estimate, note, unit, versus, what, who } = figure;
  const number = (value: number) => value.toFixed(DIGITS[unit]);
  const verdict = bar ? (bar.met ? 'met' : 'NOT met') : '';
  return [
    what,
    who,
    unit === 'slope' ? number(estimate.value) : `${number(estimate.value)} ${unit}`,
    interval(estimate, number),
    versus ? versus.ratio.value.toFixed(2) : '',
    versus ? interval(versus.ratio, (value) => value.toFixed(2)) : '',
    versus ? versus.who : '',
    bar ? describeBar(bar) : '',
    [verdict, note ?? ''].filter(Boolean).join('; '),
  ];
}

function interval({ high, low }: Estimate, number: (value: number) => string): string {
  return `${number(low)} to ${number(high)}`;
}
