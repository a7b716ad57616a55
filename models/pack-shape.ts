// Decides how a user's graph is to be read as a classifier, or says what was found and what is expected.
import type { OnnxValue } from './onnx-values.ts';
import type { PackableGraph } from './pack-graph.ts';
import type { Activation } from './probabilities.ts';

/** The model does not fit; the message says what was found and what is expected. */
export class Unfit extends Error {}

/** Further than this from 0 to 1, or from a sum of 1, a number is no probability. */
const TOLERANCE = 1e-3;

/**
 * @returns values per row
 * @throws {Unfit} not one float32 input of rows × a fixed width
 */
export function widthOf(inputs: readonly OnnxValue[]): number {
  const [input, ...others] = inputs;
  const found = `found ${inputs.length === 0 ? 'none' : inputs.slice(0, 4).map(describe).join(', ')}`;
  if (!input || others.length > 0) {
    const advice = 'export it with all features in one tensor';
    throw new Unfit(
      `expected one input of rows × values, ${found} (${inputs.length} inputs); ${advice}`,
    );
  }
  if (input.type !== 'float32') throw new Unfit(`expected a float32 input, ${found}`);
  const [batch, ...row] = input.shape ?? [];
  const width = row.reduce<number>((product, size) => product * Number(size || Number.NaN), 1);
  if (row.length === 0 || !Number.isInteger(width) || width < 1) {
    throw new Unfit(`expected an input of rows × a fixed width, ${found}`);
  }
  if (typeof batch === 'number' && batch !== 1) {
    const what = `expected a dynamic number of rows, or one, ${found}`;
    throw new Unfit(`${what}; export it with a dynamic batch axis`);
  }
  return width;
}

/**
 * The names of the scores, in order: those asked for, held against those that the model names.
 * @throws {Unfit} another number of them, the same ones in another order, or none at all
 */
export function chooseLabels(
  asked: readonly string[] | undefined,
  classes: readonly string[] | null,
): { readonly labels: readonly string[]; readonly note: string | null } {
  if (!asked) {
    if (!classes) throw new Unfit('expected the labels of its scores, found none in the model');
    return { labels: classes, note: null };
  }
  if (asked.length < 2 || new Set(asked).size !== asked.length) {
    throw new Unfit(`expected two or more different labels, found ${asked.join(', ') || 'none'}`);
  }
  if (!classes || classes.join() === asked.join()) return { labels: asked, note: null };
  const own = classes.join(', ');
  if (classes.length !== asked.length) {
    throw new Unfit(
      `expected ${classes.length} labels (its classes are ${own}), found ${asked.length}`,
    );
  }
  if (asked.some((label) => classes.includes(label))) {
    throw new Unfit(`expected the labels in the order of its classes: ${own}`);
  }
  const pairs = classes.map((name, index) => `${name} is ${asked[index]}`).join(', ');
  return { labels: asked, note: `of the model's own classes ${pairs}` };
}

/**
 * The output that holds the scores.
 * @throws {Unfit} none fits, or several do
 */
export function chooseOutput(
  outputs: readonly OnnxValue[],
  labels: number,
  graph: Pick<PackableGraph, 'unzipped'>,
  asked?: string,
): string {
  const found = outputs.map(describe).join(', ');
  const expected = `expected a float32 output of rows × ${labels}${labels === 2 ? ', or rows × 1,' : ''} for ${labels} labels`;
  if (asked !== undefined && !outputs.some(({ name }) => name === asked)) {
    throw new Unfit(`expected an output named "${asked}", found ${found}`);
  }
  const fitting = outputs.filter(({ name, type, shape }) => {
    if (asked !== undefined && name !== asked) return false;
    const columns = shape && shape.length === 2 ? shape[1] : '';
    const isKnown = typeof columns === 'number';
    const fits = !isKnown || columns === labels || (columns === 1 && labels === 2);
    return type === 'float32' && fits && (shape?.length ?? 0) <= 2;
  });
  const [first, ...others] = preferred(fitting, graph.unzipped);
  if (!first) throw new Unfit(`${expected}, found ${found}`);
  if (others.length > 0) throw new Unfit(`${expected}, found several: ${found}; name one`);
  return first.name;
}

/** What stood in a ZipMap, or is called a probability, holds the scores. */
function preferred(outputs: readonly OnnxValue[], unzipped: readonly string[]) {
  const zipped = outputs.filter(({ name }) => unzipped.includes(name));
  if (zipped.length === 1) return zipped;
  const named = outputs.filter(({ name }) => /prob/i.test(name));
  return named.length === 1 ? named : outputs;
}

/**
 * What is still to be done to the scores, told from what the model says to a few rows.
 * @param results the raw output of each row
 * @param producer the operator that computes the output
 * @throws {Unfit} it cannot be told, or they can be no scores
 */
export function chooseActivation(
  results: readonly Float32Array[],
  labels: number,
  producer: string,
  asked?: Activation,
): Activation {
  const columns = results[0]?.length ?? 0;
  if (columns !== labels && !(columns === 1 && labels === 2)) {
    throw new Unfit(`expected ${labels} scores per row for ${labels} labels, found ${columns}`);
  }
  if (asked) {
    if (asked === (columns === 1 ? 'softmax' : 'sigmoid')) {
      throw new Unfit(`the activation ${asked} does not fit ${columns} score(s) per row`);
    }
    return asked;
  }
  const all = results.flatMap((row) => [...row]);
  const isFraction = all.every((value) => value >= -TOLERANCE && value <= 1 + TOLERANCE);
  if (columns === 1) {
    if (isFraction && producer === 'Sigmoid') return 'none';
    if (!isFraction) return 'sigmoid';
    const what = 'one score per row within 0 to 1, which may be a probability or a logit';
    throw new Unfit(`found ${what}; say which with the activation none or sigmoid`);
  }
  if (!isFraction) return 'softmax';
  const addsUp = results.every(
    (row) => Math.abs(row.reduce((sum, value) => sum + value, 0) - 1) <= TOLERANCE,
  );
  if (addsUp) return 'none';
  const what = 'scores within 0 to 1 that do not add up to 1';
  throw new Unfit(
    `found ${what}, expected probabilities of labels that exclude each other (for logits say so with the activation softmax)`,
  );
}

function describe({ name, type, shape }: OnnxValue): string {
  if (shape === null) return `"${name}" (${type})`;
  if (shape.length === 0) return `"${name}" (${type}, of unknown shape)`;
  return `"${name}" (${type}, ${shape.map((size) => (size === '' ? '?' : size)).join(' × ')})`;
}
