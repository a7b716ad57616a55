// From a trained model to its bundle: both runtimes' files, the manifest's facts, and the model card.
import { DataError } from '../csv.ts';
import { canWriteTfjs, TFJS_FILE, writeTfjs } from '../tfjs-writer.ts';
import type { Manifest } from '../manifest.ts';
import { writeOnnx } from '../onnx-writer.ts';
import { SPLIT_FILE } from '../split.ts';
import { type BundleParts, writeBundle } from '../write-bundle.ts';
import type { Vector } from './linear-algebra.ts';
import { formatModelCard } from './model-card.ts';
import type { Trained } from './train-model.ts';

const ONNX_FILE = 'model.onnx';
const CARD_FILE = 'model-card.md';
/** Every trainer here takes readings from 0 to 1. */
const LIMITS = { minimum: 0, maximum: 1 };
const BINS = 20;
const GOLDEN_ROWS = 6;

export interface BundleIdentity {
  /** The segment of the topics. */
  readonly name: string;
  readonly version: string;
  /** The data goes into the bundle too, not the split alone: then it can be replayed. */
  readonly withData: boolean;
}

/**
 * Writes the bundle of a trained model: the same training and identity give the same bytes.
 * @throws {DataError} the training rows are not within 0 to 1
 */
export async function writeTrainedBundle(
  directory: string,
  trained: Trained,
  identity: BundleIdentity,
): Promise<Manifest> {
  return writeBundle(directory, trainedBundle(trained, identity));
}

/** @throws {DataError} the training rows are not within 0 to 1 */
function trainedBundle(trained: Trained, identity: BundleIdentity): BundleParts {
  const { model, seed, source, train, trainer } = trained;
  checkLimits(train.rows);
  const graph = model.toGraph();
  const tfjs = canWriteTfjs(graph) ? writeTfjs(graph) : null;
  const data = [...source.files].filter(([name]) => identity.withData || name === SPLIT_FILE);
  return {
    files: new Map([
      [ONNX_FILE, writeOnnx(graph)],
      ...(tfjs ?? []),
      [CARD_FILE, Buffer.from(formatModelCard(trained, identity))],
      ...data,
    ]),
    manifest: {
      name: identity.name,
      version: identity.version,
      description: `Tells ${train.labels.join(' from ')}: ${trainer.summary}.`,
      input: { width: train.width, ...LIMITS },
      labels: [...train.labels],
      runtimes: {
        onnx: {
          file: ONNX_FILE,
          input: graph.input.name,
          output: graph.output.name,
          activation: 'none',
        },
        ...(tfjs && { tfjs: { file: TFJS_FILE, format: 'graph' as const } }),
      },
      training: {
        algorithm: trainer.name,
        seed,
        data: source.dataDigest,
        split: source.splitDigest,
        rows: train.rows.length,
        accuracy: {
          method: trained.accuracy.method,
          mean: round(trained.accuracy.mean),
          sd: round(trained.accuracy.sd),
        },
      },
      histograms: histogramsOf(train.rows, train.width),
      golden: goldenRows(train.rows, train.width).map((values) => {
        const first = round(model.probability(Float64Array.from(values)));
        return { values, scores: [first, round(1 - first)] };
      }),
    },
  };
}

/** Edges grow with the square, as most readings are small; counts of the training rows per input. */
function histogramsOf(rows: readonly Vector[], width: number) {
  const edges = Array.from({ length: BINS + 1 }, (_, at) => (at * at) / (BINS * BINS));
  const counts = Array.from({ length: width }, (_, column) => {
    const bins = Array.from({ length: BINS }, () => 0);
    for (const row of rows) {
      const above = edges.findIndex((edge) => edge > (row[column] as number));
      const bin = above === -1 ? BINS - 1 : above - 1;
      bins[bin] = (bins[bin] as number) + 1;
    }
    return bins;
  });
  return { edges, counts };
}

/** Training rows from all over the data, and the corners of what is allowed. */
function goldenRows(rows: readonly Vector[], width: number): number[][] {
  const step = Math.floor(rows.length / GOLDEN_ROWS);
  const real = Array.from({ length: GOLDEN_ROWS }, (_, at) => [...(rows[at * step] as Vector)]);
  const made = (value: (column: number) => number) =>
    Array.from({ length: width }, (_, column) => value(column));
  return [
    ...real,
    made(() => LIMITS.minimum),
    made(() => LIMITS.maximum),
    made(() => 0.5),
    made((column) => column % 2),
    made((column) => round(column / width)),
  ];
}

function checkLimits(rows: readonly Vector[]): void {
  const { maximum, minimum } = LIMITS;
  for (const row of rows) {
    const outside = row.find((value) => value < minimum || value > maximum);
    if (outside === undefined) continue;
    throw new DataError(
      `the data holds ${outside}, expected readings from ${minimum} to ${maximum}: scale them first`,
    );
  }
}

/** Six decimals: far below what golden vectors are held to, and the same text everywhere. */
function round(value: number): number {
  return Math.round(value * 1e6) / 1e6;
}
