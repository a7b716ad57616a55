// The classifier on onnxruntime-node: verified bytes in, checked probabilities out.
import '../models/ort-without-telemetry.ts';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { Bundle } from '../models/bundle.ts';
import { BundleRefusedError } from '../models/bundle-refused.ts';
import type { Classifier } from './classifier.ts';
import { type LoneRow, openLoneRow as openLoneRowOfLibrary } from './onnx-lone-row.ts';
import { type Activation, toProbabilities } from '../models/probabilities.ts';

/** What the agent uses of the graph: one input of rows × width, one output of rows × columns. */
interface Graph {
  readonly session: InferenceSession;
  readonly input: string;
  readonly output: string;
  /** The dimensions of one row, whose product is the width. */
  readonly rowShape: readonly number[];
  /** The graph takes one row at a time. */
  readonly oneRow: boolean;
  readonly activation: Activation;
}

type OpenLoneRow = typeof openLoneRowOfLibrary;

interface OnnxOptions {
  /** Threads within one operator; one is fastest for small graphs. */
  readonly threads?: number;
  /** The short way of a lone row. */
  readonly openLoneRow?: OpenLoneRow;
}

/** Above this the model itself takes so long that the shorter way to it is not worth its memory twice. */
const MAX_LONE_ROW_BYTES = 1024 * 1024;
/** Above this too, and its golden vectors are not computed once more for it. */
const MAX_LONE_ROW_MS = 5;
/** The first run warms up, and a busy machine may interrupt any: it is measured again for so long. */
const MEASURE_MS = 50;

/**
 * Loads the bundle's ONNX graph from its bytes and holds its input and output to the manifest.
 * Golden vectors are not checked here.
 * @throws {BundleRefusedError} no ONNX file, not loadable, or of another shape
 */
export async function createOnnxClassifier(
  bundle: Bundle,
  { openLoneRow = openLoneRowOfLibrary, threads = 1 }: OnnxOptions = {},
): Promise<Classifier> {
  const { manifest } = bundle;
  const labels = manifest.labels;
  const { width } = manifest.input;
  const graph = await loadGraph(bundle, threads);
  const loneRow = threads === 1 ? await openVerified(bundle, graph, openLoneRow) : null;
  let open = true;

  async function classify(values: Float32Array, rows: number): Promise<Float32Array> {
    if (!open) throw new Error('the classifier is closed');
    if (!(Number.isInteger(rows) && rows >= 1) || values.length !== rows * width) {
      throw new Error(`expected rows × ${width} values, got ${values.length} for ${rows} rows`);
    }
    if (rows === 1) return runAlone(values) ?? run(values, 1);
    if (!graph.oneRow) return run(values, rows);
    const scores = new Float32Array(rows * labels.length);
    for (let row = 0; row < rows; row += 1) {
      if (!open) throw new Error('the classifier is closed');
      const own = values.subarray(row * width, (row + 1) * width);
      scores.set(runAlone(own) ?? (await run(own, 1)), row * labels.length);
    }
    return scores;
  }

  /** Without a wait. */
  function runAlone(values: Float32Array): Float32Array | null {
    const output = loneRow?.run(values);
    return output ? toProbabilities(output, 1, labels.length, graph.activation) : null;
  }

  async function run(values: Float32Array, rows: number): Promise<Float32Array> {
    const output = (await runGraph(graph, values, rows))[graph.output];
    if (!(output?.data instanceof Float32Array)) {
      throw new Error(`the model's output is ${output?.type ?? 'missing'}, expected float32`);
    }
    if (output.dims[0] !== rows && !(rows === 1 && output.dims.length === 0)) {
      throw new Error(`the model gave the shape [${output.dims.join(', ')}] for ${rows} rows`);
    }
    return toProbabilities(output.data, rows, labels.length, graph.activation);
  }

  return {
    model: {
      name: manifest.name,
      version: manifest.version,
      digest: bundle.digest,
      runtime: 'onnx',
    },
    limits: manifest.input,
    labels,
    classify,
    async close() {
      if (!open) return;
      open = false;
      loneRow?.close();
      await graph.session.release();
    },
  };
}

/**
 * The short way of a lone row, where it gives the very scores of the package for each golden vector; null where
 * it does not, or cannot be had.
 */
async function openVerified(
  bundle: Bundle,
  graph: Graph,
  openLoneRow: OpenLoneRow,
): Promise<LoneRow | null> {
  const { manifest } = bundle;
  const bytes = bundle.files.get(manifest.runtimes.onnx?.file ?? '');
  if (!bytes || bytes.length > MAX_LONE_ROW_BYTES) return null;
  const input = { name: graph.input, dims: [1, ...graph.rowShape] };
  const compute = async (values: Float32Array) =>
    (await runGraph(graph, values, 1))[graph.output] as Tensor;
  let loneRow: LoneRow | null = null;
  try {
    const first = Float32Array.from(manifest.golden[0]?.values ?? []);
    if (!(await isQuick(() => compute(first)))) return null;
    for (const vector of manifest.golden) {
      const values = Float32Array.from(vector.values);
      const { data, dims } = await compute(values);
      // Not one row of scores: the package's way says so.
      if (dims.length > 0 && dims[0] !== 1) return null;
      loneRow ??= await openLoneRow(bytes, input, { name: graph.output, dims });
      if (!isSame(loneRow.run(values), data as Float32Array)) throw new Error('other scores');
    }
    return loneRow;
  } catch {
    // Whatever it is: the package's way is as right, and says what is wrong with a model.
    loneRow?.close();
    return null;
  }
}

async function isQuick(compute: () => Promise<unknown>): Promise<boolean> {
  const startMs = performance.now();
  for (let fromMs = startMs; fromMs - startMs < MEASURE_MS; ) {
    await compute();
    const nowMs = performance.now();
    if (nowMs - fromMs <= MAX_LONE_ROW_MS) return true;
    fromMs = nowMs;
  }
  return false;
}

function isSame(found: Float32Array | null, expected: Float32Array): boolean {
  return found !== null && expected.every((value, index) => Object.is(value, found[index]));
}

function runGraph({ input, output, rowShape, session }: Graph, values: Float32Array, rows: number) {
  const feeds = { [input]: new Tensor('float32', values, [rows, ...rowShape]) };
  return atOnce(() => session.run(feeds, [output]));
}

/**
 * onnxruntime-node computes on this very thread, but puts it off to the next turn of the event loop with
 * `setImmediate`. For a small model that wait costs as much as the model: docs/decisions/0006.
 */
function atOnce<Result>(run: () => Promise<Result>): Promise<Result> {
  const { setImmediate } = globalThis;
  globalThis.setImmediate = ((task: () => void) => {
    task();
  }) as typeof setImmediate;
  try {
    return run();
  } finally {
    globalThis.setImmediate = setImmediate;
  }
}

async function loadGraph(bundle: Bundle, threads: number): Promise<Graph> {
  const { manifest } = bundle;
  const declared = manifest.runtimes.onnx;
  const bytes = declared && bundle.files.get(declared.file);
  if (!declared || !bytes) throw refuse(bundle, 'it has no ONNX model', null);
  const session = await InferenceSession.create(bytes, {
    executionProviders: ['cpu'],
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    // Every failure comes back as an exception; the runtime need not print it too.
    logSeverityLevel: 4,
  }).catch((cause: unknown) => {
    const why = (cause instanceof Error ? cause.message : String(cause)).trim();
    throw refuse(bundle, `${declared.file} cannot be loaded: ${why}`, cause);
  });
  try {
    return { session, ...checkShapes(bundle, session), activation: declared.activation };
  } catch (error) {
    await session.release();
    throw error;
  }
}

function checkShapes(bundle: Bundle, session: InferenceSession) {
  const { width } = bundle.manifest.input;
  const { input, output } = bundle.manifest.runtimes.onnx as { input: string; output: string };
  const labels = bundle.manifest.labels.length;
  const inputs = session.inputMetadata.map(describe).join(', ');
  const [only, ...others] = session.inputMetadata;
  if (only?.name !== input || others.length > 0) {
    throw refuse(bundle, `expected "${input}" as its only input, found ${inputs}`, null);
  }
  const [batch, ...rowShape] = only.isTensor ? only.shape : [];
  const fits =
    only.isTensor &&
    only.type === 'float32' &&
    (typeof batch === 'string' || batch === 1) &&
    rowShape.every((size) => typeof size === 'number') &&
    rowShape.length > 0 &&
    rowShape.reduce((product, size) => product * size, 1) === width;
  if (!fits) {
    throw refuse(bundle, `expected a float32 input of rows × ${width}, found ${inputs}`, null);
  }
  const found = session.outputMetadata.find(({ name }) => name === output);
  if (!found?.isTensor || found.type !== 'float32') {
    const outputs = session.outputMetadata.map(describe).join(', ');
    throw refuse(bundle, `expected the float32 output "${output}", found ${outputs}`, null);
  }
  const columns = found.shape.at(-1);
  const columnsFit =
    found.shape.length < 2 ||
    typeof columns === 'string' ||
    columns === labels ||
    (columns === 1 && labels === 2);
  if (!columnsFit) {
    throw refuse(bundle, `expected ${labels} columns of scores, found ${describe(found)}`, null);
  }
  return { input, output, rowShape: rowShape as number[], oneRow: batch === 1 };
}

function describe(value: InferenceSession.ValueMetadata): string {
  if (!value.isTensor) return `"${value.name}" (no tensor)`;
  const shape = value.shape.map((size) => (size === '' ? '?' : size)).join(' × ');
  return `"${value.name}" (${value.type}, ${shape || 'of unknown shape'})`;
}

function refuse(bundle: Bundle, what: string, cause: unknown): BundleRefusedError {
  const { name, version } = bundle.manifest;
  return new BundleRefusedError(
    `the bundle ${name} ${version} in ${bundle.directory} is refused: ${what}`,
    'Give the agent a bundle whose model fits its manifest; "echolot model inspect" shows both.',
    cause === null ? undefined : { cause },
  );
}
