// From an answer of any form to the predictions, row by row, or the problem that its asker is told.
import type { Answer, ModelReference } from '../schemas/messages.ts';
import type { Problem } from '../schemas/problems.ts';

/** The label, its score and the score of every label, for one row. */
export interface RowPrediction {
  /** The label with the highest score. */
  readonly label: string;
  /** 0 to 1. */
  readonly score: number;
  /** Probability per label. */
  readonly scores: Readonly<Record<string, number>>;
}

export type Reply =
  | {
      readonly ok: true;
      readonly id: string;
      readonly rows: readonly RowPrediction[];
      readonly model: ModelReference;
      readonly agent: string;
    }
  | { readonly ok: false; readonly problem: Problem };

/** What was asked, and so what an answer must look like. `typed` is a batch in one typed array. */
export interface Asked {
  readonly form: 'single' | 'batch' | 'typed';
  readonly rows: number;
  readonly width: number;
}

/** Total: an answer that does not fit the question gives `null`. */
export function readAnswer(answer: Answer, asked: Asked): Reply | null {
  if ('problem' in answer) return { ok: false, problem: answer.problem };
  const { id, model, agent } = answer;
  if ('label' in answer) {
    if (asked.form !== 'single') return null;
    const { label, score, scores } = answer;
    return { ok: true, id, rows: [{ label, score, scores }], model, agent };
  }
  if ('predictions' in answer) {
    if (asked.form !== 'batch' || answer.predictions.length !== asked.rows) return null;
    return { ok: true, id, rows: answer.predictions, model, agent };
  }
  if (asked.form !== 'typed') return null;
  const rows = splitRows(answer.labels, answer.scores);
  if (rows.length !== asked.rows) return { ok: false, problem: wrongWidth(asked, rows.length) };
  return { ok: true, id, rows, model, agent };
}

function splitRows(labels: readonly string[], scores: Float32Array): RowPrediction[] {
  const rows: RowPrediction[] = [];
  for (let offset = 0; offset < scores.length; offset += labels.length) {
    const row: [string, number][] = labels.map((label, index) => [
      label,
      scores[offset + index] as number,
    ]);
    const [label, score] = row.reduce((best, next) => (next[1] > best[1] ? next : best));
    rows.push({ label, score, scores: Object.fromEntries(row) });
  }
  return rows;
}

/** A typed array carries no width, so a wrong one shows only in the number of answers. */
function wrongWidth({ rows, width }: Asked, answered: number): Problem {
  const inputs = (rows * width) / answered;
  const detail = `expected ${inputs} values per row, got ${width} (${rows} rows were read as ${answered})`;
  return { code: 'VALUES_WRONG_LENGTH', detail };
}
