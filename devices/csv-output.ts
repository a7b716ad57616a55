// The lines of a scored file: its header, its rows, and the counts that its summary tells.
import type { Problem } from '../schemas/problems.ts';
import type { CsvLayout, CsvRow } from './csv-layout.ts';
import type { RowPrediction } from './read-answer.ts';

export type ScoredRow =
  | { readonly ok: true; readonly prediction: RowPrediction }
  | { readonly ok: false; readonly problem: Problem };

const SCORE = 'score_';

/** The id (or row number), the known label where there is one, then what was found out. */
export function headerFields(layout: CsvLayout, labels: readonly string[]): string[] {
  return [
    layout.idName,
    ...(layout.labelColumn === null ? [] : ['expected']),
    'label',
    'score',
    ...labels.map((label) => `${SCORE}${label}`),
    'problem',
    'detail',
  ];
}

/** The labels whose scores a header has; `null` where it is not the header of this layout. */
export function labelsOfHeader(fields: readonly string[], layout: CsvLayout): string[] | null {
  const labels = fields
    .filter((field) => field.startsWith(SCORE))
    .map((field) => field.slice(SCORE.length));
  const expected = headerFields(layout, labels).map(toCell);
  const isOurs = expected.length === fields.length && expected.every((it, at) => it === fields[at]);
  return isOurs ? labels : null;
}

export function rowFields(row: CsvRow, scored: ScoredRow, labels: readonly string[]): string[] {
  const start = row.expected === null ? [row.id] : [row.id, row.expected];
  if (!scored.ok) {
    const { code, detail } = scored.problem;
    return [...start, '', '', ...labels.map(() => ''), code, detail];
  }
  const { label, score, scores } = scored.prediction;
  const all = labels.map((name) => toScore(scores[name]));
  return [...start, label, toScore(score), ...all, '', ''];
}

/** One line per row, always: a line that does not end in a newline is one that was torn. */
export function toLine(fields: readonly string[]): string {
  const cells = fields.map((field) => {
    const cell = toCell(field);
    return /[",]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
  });
  return `${cells.join(',')}\n`;
}

/** Text as it stands in a cell: line breaks and other control characters become spaces. */
export function toCell(text: string): string {
  return text.replace(/\p{Cc}/gu, ' ').trim();
}

/** Counts over all rows of a scored file. */
export class Tally {
  rows = 0;
  classified = 0;
  readonly problems = new Map<string, number>();
  readonly labels = new Map<string, number>();
  private judged = 0;
  private correct = 0;

  add(expected: string | null, label: string, problem: string): void {
    this.rows += 1;
    if (problem !== '') {
      this.problems.set(problem, (this.problems.get(problem) ?? 0) + 1);
      return;
    }
    this.classified += 1;
    this.labels.set(label, (this.labels.get(label) ?? 0) + 1);
    if (expected === null || expected === '') return;
    this.judged += 1;
    if (expected === label) this.correct += 1;
  }

  /** Share of the classified rows with a known label whose label was found; `null` without such rows. */
  get accuracy(): number | null {
    return this.judged === 0 ? null : this.correct / this.judged;
  }
}

function toScore(score: number | undefined): string {
  return score === undefined ? '' : String(Number(score.toFixed(6)));
}
