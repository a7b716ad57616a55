// Makes a bundle of a user's own ONNX classifier, or says what it found and what it expected.
import { basename } from 'node:path';
import { isName, NAME_RULE, SELF_CHECK_MODEL } from '../schemas/names.ts';
import { digestOf, loadBundle } from './bundle.ts';
import { BundleRefusedError } from './bundle-refused.ts';
import type { Manifest } from './manifest.ts';
import { inspectOnnx } from './onnx-inspect.ts';
import { modelCard } from './pack-card.ts';
import { type PackableGraph, readPackableGraph } from './pack-graph.ts';
import { PackInputError, readInput } from './pack-input.ts';
import { makeRows, parseSample, pickRows } from './pack-rows.ts';
import { openPackSession, type PackSession } from './pack-session.ts';
import { chooseActivation, chooseLabels, chooseOutput, widthOf } from './pack-shape.ts';
import { type Activation, toProbabilities } from './probabilities.ts';
import { BundleNotWrittenError, writeBundle } from './write-bundle.ts';

export interface PackOptions {
  readonly onnxFile: string;
  /** The folder to write; made where it is missing. */
  readonly out: string;
  /** The model segment of the topics. */
  readonly name: string;
  /** In the order of the model's scores; may be left out where the model names its classes. */
  readonly labels?: readonly string[] | undefined;
  /** Default 1.0.0. */
  readonly version?: string | undefined;
  readonly description?: string | undefined;
  /** CSV file of readings as the model will see them: for the limits and the golden vectors. */
  readonly sampleCsv?: string | undefined;
  /** Smallest value that a reading may have; default from the sample, else any. */
  readonly minimum?: number | undefined;
  /** Largest value that a reading may have; default from the sample, else any. */
  readonly maximum?: number | undefined;
  /** The output with the scores, where several could be it. */
  readonly output?: string | undefined;
  /** What is to be done to the scores, where it cannot be told. */
  readonly activation?: Activation | undefined;
}

export interface Packed {
  readonly directory: string;
  readonly manifest: Manifest;
  /** What was decided, for the user to check; one sentence each. */
  readonly notes: readonly string[];
}

const MAX_FLOAT32 = 3.4028234663852886e38;
/** Rows that the activation is told from. */
const PROBE_ROWS = 64;
const GOLDEN_ROWS = 8;
/** A sample rarely holds the extremes: its limits are widened by this part of their range. */
const MARGIN = 0.1;

/**
 * Packs an ONNX classifier: float32 rows in; probabilities, logits or a single score out, also as
 * scikit-learn's converter writes them, with ZipMap or without. The model is run here.
 * @throws {BundleRefusedError} the model or the sample does not fit, with what was found and expected
 * @throws {PackInputError} a file cannot be read
 * @throws {BundleNotWrittenError} the folder cannot be written, or holds other files
 */
export async function packBundle(options: PackOptions): Promise<Packed> {
  try {
    return await pack(options);
  } catch (cause) {
    if (cause instanceof BundleRefusedError || cause instanceof BundleNotWrittenError) throw cause;
    if (cause instanceof PackInputError) throw cause;
    const why = (cause instanceof Error ? cause.message : String(cause)).trim();
    throw new BundleRefusedError(
      `${options.onnxFile} is not packed: ${why}`,
      'It needs one float32 input of rows × values, and float32 scores: probabilities or logits per label, or one score for two labels. A sample of readings (CSV) helps where made-up ones do not fit.',
      { cause },
    );
  }
}

async function pack(options: PackOptions): Promise<Packed> {
  if (!isName(options.name) || options.name === SELF_CHECK_MODEL) {
    throw new Error(`expected ${NAME_RULE} as name, found "${options.name}"`);
  }
  const model = await readInput(options.onnxFile);
  const inspection = inspectOnnx(model);
  if (!inspection.ok) throw new Error(`it ${inspection.reason}`);
  const graph = readPackableGraph(model);
  const { labels, note } = chooseLabels(options.labels, graph.classes);
  const session = await openPackSession(graph.bytes);
  try {
    const { input, rows, limitsNote } = await chooseInput(options, session);
    const onnx = await readScores(options, session, graph, labels, rows);
    const golden = await computeGolden(session, onnx, labels, pickRows(rows, GOLDEN_ROWS));
    const notes = [
      ...(note ? [note] : []),
      ...(graph.unzipped.length > 0 ? ['ZipMap was taken out of the graph'] : []),
      `the scores are read from "${onnx.output}", ${ACTIVATION_NOTES[onnx.activation]}`,
      limitsNote,
    ];
    const description = options.description ?? `packed from ${basename(options.onnxFile)}`;
    const version = options.version ?? '1.0.0';
    const parts = { name: options.name, version, description, input, labels: [...labels] };
    const card = modelCard({ ...parts, notes, source: digestOf(model) });
    await writeBundle(options.out, {
      manifest: { ...parts, runtimes: { onnx: { file: 'model.onnx', ...onnx } }, golden },
      files: new Map([
        ['model.onnx', graph.bytes],
        ['model-card.md', Buffer.from(card)],
      ]),
    });
    const { manifest } = await loadBundle(options.out);
    return { directory: options.out, manifest, notes };
  } finally {
    await session.close();
  }
}

const ACTIVATION_NOTES: Record<Activation, string> = {
  none: 'as probabilities',
  softmax: 'as logits, made probabilities by softmax',
  sigmoid: 'as the logit of the second label, made a probability by sigmoid',
};

/** The width, the limits, and rows within them. */
async function chooseInput(options: PackOptions, session: PackSession) {
  const width = widthOf(session.inputs);
  const { sampleCsv } = options;
  const sample = sampleCsv
    ? parseSample((await readInput(sampleCsv)).toString('utf8'), width)
    : null;
  const found = sample ? rangeOf(sample) : { minimum: -MAX_FLOAT32, maximum: MAX_FLOAT32 };
  const input = {
    width,
    minimum: options.minimum ?? found.minimum,
    maximum: options.maximum ?? found.maximum,
  };
  const { minimum, maximum } = input;
  if (!(minimum < maximum)) {
    throw new Error(`expected limits from small to large, found ${minimum} to ${maximum}`);
  }
  const inLimits = (row: Float32Array) => row.every((one) => one >= minimum && one <= maximum);
  const rows = sample ? sample.filter(inLimits) : makeRows(PROBE_ROWS, width, input);
  if (rows.length === 0) throw new Error('expected sample rows within the limits, found none');
  const isOpen = maximum >= MAX_FLOAT32 || minimum <= -MAX_FLOAT32;
  const limitsNote = isOpen
    ? 'readings of any finite value are let in; a sample, or a minimum and a maximum, narrows this'
    : `readings from ${minimum} to ${maximum} are let in`;
  return { input, rows, limitsNote };
}

function rangeOf(rows: readonly Float32Array[]) {
  let lowest = Number.POSITIVE_INFINITY;
  let highest = Number.NEGATIVE_INFINITY;
  for (const row of rows) {
    for (const value of row) {
      lowest = Math.min(lowest, value);
      highest = Math.max(highest, value);
    }
  }
  const margin = (highest - lowest) * MARGIN || 1;
  return { minimum: lowest - margin, maximum: highest + margin };
}

async function readScores(
  options: PackOptions,
  session: PackSession,
  graph: PackableGraph,
  labels: readonly string[],
  rows: readonly Float32Array[],
) {
  const output = chooseOutput(session.outputs, labels.length, graph, options.output);
  const results = await session.run(output, pickRows(rows, PROBE_ROWS));
  const producer = graph.producers.get(output) ?? '';
  const activation = chooseActivation(results, labels.length, producer, options.activation);
  return { input: session.inputs[0]?.name ?? '', output, activation };
}

async function computeGolden(
  session: PackSession,
  { output, activation }: { readonly output: string; readonly activation: Activation },
  labels: readonly string[],
  rows: readonly Float32Array[],
): Promise<Manifest['golden']> {
  const results = await session.run(output, rows);
  return rows.map((row, index) => {
    const raw = results[index] as Float32Array;
    return { values: [...row], scores: [...toProbabilities(raw, 1, labels.length, activation)] };
  });
}
