// From a model's raw output to probabilities: the activation applied, every number checked.

/** What is still to be done to the model's output; see the manifest. */
export type Activation = 'none' | 'softmax' | 'sigmoid';

/** How far a row may be from a sum of 1, and a probability outside 0 to 1, by rounding alone. */
const TOLERANCE = 1e-3;

/**
 * @param output rows × labels numbers, row by row; or, for two labels, one number per row for the
 * second label
 * @returns rows × labels probabilities in a new array: finite, 0 to 1, each row adding up to 1
 * @throws {Error} wrong length, not finite, or no probabilities
 */
export function toProbabilities(
  output: Float32Array,
  rows: number,
  labels: number,
  activation: Activation,
): Float32Array {
  const columns = output.length / rows;
  if (columns !== labels && !(columns === 1 && labels === 2)) {
    throw new Error(`the model gave ${output.length} numbers for ${rows} rows × ${labels} labels`);
  }
  if (activation === (columns === 1 ? 'softmax' : 'sigmoid')) {
    throw new Error(`the activation ${activation} does not fit ${columns} columns of output`);
  }
  const scores = new Float32Array(rows * labels);
  // By index, without a view per row: this runs for every reading.
  for (let row = 0; row < rows; row += 1) {
    if (columns === 1) expand(output[row] as number, scores, row, activation);
    else if (activation === 'softmax') softmax(output, scores, row, labels);
    else for (let at = row * labels; at < (row + 1) * labels; at += 1) scores[at] = output[at] ?? 0;
    checkRow(scores, row, labels);
  }
  return scores;
}

/** One number for the second of two labels; the first gets the rest. */
function expand(raw: number, scores: Float32Array, row: number, activation: Activation): void {
  const second = activation === 'sigmoid' ? 1 / (1 + Math.exp(-raw)) : raw;
  scores[row * 2] = 1 - second;
  scores[row * 2 + 1] = second;
}

/** Shifted by the largest logit, so that no exponential overflows; what is not finite stays NaN. */
function softmax(logits: Float32Array, scores: Float32Array, row: number, labels: number): void {
  const start = row * labels;
  const end = start + labels;
  let largest = Number.NEGATIVE_INFINITY;
  for (let at = start; at < end; at += 1) largest = Math.max(largest, logits[at] as number);
  let sum = 0;
  for (let at = start; at < end; at += 1) sum += Math.exp((logits[at] as number) - largest);
  for (let at = start; at < end; at += 1) {
    scores[at] = Math.exp((logits[at] as number) - largest) / sum;
  }
}

function checkRow(scores: Float32Array, row: number, labels: number): void {
  let sum = 0;
  for (let at = row * labels; at < (row + 1) * labels; at += 1) {
    const score = scores[at] as number;
    // Written so that NaN fails it.
    if (!(score >= -TOLERANCE && score <= 1 + TOLERANCE)) {
      throw new Error(`the model gave ${score} in row ${row}, expected a probability of 0 to 1`);
    }
    sum += score;
    scores[at] = Math.min(1, Math.max(0, score));
  }
  if (Math.abs(sum - 1) > TOLERANCE) {
    throw new Error(`the model's scores in row ${row} add up to ${sum}, expected 1`);
  }
}
