// Whether a model's work can be told from the shape of its input, so that no reading makes it run for ever.
import type { Bundle } from './bundle.ts';
import { inspectOnnx } from './onnx-inspect.ts';
import { readTfjsArtifacts } from './tfjs-artifacts.ts';

/** What repeats or branches by values. */
const CONTROL = ['Loop', 'Scan', 'If', 'SequenceMap'];
/** What makes a tensor whose size is a value: the next operator may get gigabytes to work on. */
const SIZE_BY_VALUE = [
  'BlackmanWindow',
  'CenterCropPad',
  'Col2Im',
  'ConstantOfShape',
  'DFT',
  'Expand',
  'HammingWindow',
  'HannWindow',
  'MaxUnpool',
  'MelWeightMatrix',
  'OneHot',
  'Pad',
  'Range',
  'Resize',
  'STFT',
  'Tile',
  'Upsample',
];
const ONNX_UNBOUNDED: ReadonlySet<string> = new Set([...CONTROL, ...SIZE_BY_VALUE]);

/** The same of TF.js graph models, with TensorFlow's names. */
const TFJS_UNBOUNDED: ReadonlySet<string> = new Set(
  [
    'While StatelessWhile If StatelessIf LoopCond Enter NextIteration',
    'PartitionedCall StatefulPartitionedCall',
    'BroadcastTo Fill LinSpace MirrorPad OneHot Pad PadV2 Range Tile',
    'Multinomial RandomStandardNormal RandomUniform TruncatedNormal SparseToDense',
  ].flatMap((names) => names.split(' ')),
);
/** TF.js layers that repeat others. */
const LAYERS_UNBOUNDED = /RNN|LSTM|GRU|Bidirectional|TimeDistributed/;

/**
 * What a model uses that makes its work depend on the values that it gets: an operator, a local
 * function, a domain of its own. A model without it does the same work for every reading.
 * @param bundle loaded, that is inspected
 * @returns a phrase for a person; null where the work is bounded
 */
export function unboundedWork(bundle: Bundle, runtime: 'onnx' | 'tfjs'): string | null {
  return runtime === 'onnx' ? ofOnnx(bundle) : ofTfjs(bundle);
}

function ofOnnx({ files, manifest }: Bundle): string | null {
  const inspection = inspectOnnx(files.get(manifest.runtimes.onnx?.file ?? '') ?? new Uint8Array());
  if (!inspection.ok) return `a file that ${inspection.reason}`;
  for (const name of Object.keys(inspection.facts.operators)) {
    // Operators of other domains are shown as `domain:name`; local functions are among them.
    const isKnown = !name.includes(':') || name.startsWith('ai.onnx.ml:');
    if (!isKnown || ONNX_UNBOUNDED.has(name)) return `the operator ${name}`;
  }
  return null;
}

function ofTfjs({ files, manifest }: Bundle): string | null {
  const declared = manifest.runtimes.tfjs;
  if (!declared) return 'no TF.js model';
  const { modelTopology } = readTfjsArtifacts(declared.file, files);
  // Names of layers stand deep within each other, those of operators in lists; a walk finds both.
  const unbounded = declared.format === 'layers' ? LAYERS_UNBOUNDED : null;
  const stack: unknown[] = [modelTopology];
  while (stack.length > 0) {
    const value = stack.pop();
    if (typeof value !== 'object' || value === null) continue;
    const { class_name: layer, op } = value as { class_name?: unknown; op?: unknown };
    if (typeof layer === 'string' && unbounded?.test(layer)) return `the layer ${layer}`;
    if (!unbounded && typeof op === 'string' && TFJS_UNBOUNDED.has(op)) return `the operator ${op}`;
    for (const inner of Object.values(value) as unknown[]) stack.push(inner);
  }
  return null;
}
