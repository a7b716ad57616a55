// What a bundle says of itself, for a person: the manifest in short, and the ONNX graph beside it.
import type { Bundle } from './bundle.ts';
import type { OnnxFacts } from './onnx-inspect.ts';
import { inspectOnnx } from './onnx-inspect.ts';
import type { OnnxValue } from './onnx-values.ts';

/** One fact: what it is about, and its text. */
export type Fact = readonly [subject: string, text: string];

/** The facts of a loaded bundle, in reading order. Nothing is run. */
export function describeBundle(bundle: Bundle): Fact[] {
  const { manifest, digest, files } = bundle;
  const { input, labels, runtimes, training, golden, histograms } = manifest;
  const facts: Fact[] = [
    ['name', `${manifest.name} ${manifest.version}`],
    ['description', manifest.description],
    ['digest', digest],
    ['input', `${input.width} values from ${input.minimum} to ${input.maximum}`],
    ['labels', labels.join(', ')],
  ];
  if (runtimes.onnx) {
    const { file, input: from, output, activation } = runtimes.onnx;
    facts.push(['onnx', `${file}: from "${from}" to "${output}", activation ${activation}`]);
    const inspection = inspectOnnx(files.get(file) as Uint8Array);
    if (inspection.ok) facts.push(...describeGraph(inspection.facts));
  }
  if (runtimes.tfjs) facts.push(['tfjs', `${runtimes.tfjs.file} (${runtimes.tfjs.format})`]);
  if (training) {
    const { algorithm, seed, rows, accuracy, data, split } = training;
    const { mean, sd, method } = accuracy;
    facts.push(
      ['training', `${algorithm}, seed ${seed}, ${rows} rows`],
      ['accuracy', `${mean.toFixed(3)} ± ${sd.toFixed(3)} (${method})`],
      ['data', data],
      ['split', split],
    );
  }
  facts.push(['golden', `${golden.length} vectors`]);
  if (histograms) facts.push(['histograms', `${histograms.edges.length - 1} bins per input`]);
  for (const [name, bytes] of files) {
    facts.push(['file', `${name}, ${bytes.length} bytes, ${manifest.files[name]}`]);
  }
  return facts;
}

function describeGraph({ irVersion, opsets, producer, inputs, outputs, operators }: OnnxFacts) {
  const versions = Object.entries(opsets).map(([domain, version]) =>
    domain ? `${domain} ${version}` : `opset ${version}`,
  );
  const counts = Object.entries(operators).map(([name, count]) => `${count} ${name}`);
  const written = producer ? `, written by ${producer}` : '';
  const facts: Fact[] = [
    ['graph', `IR ${irVersion}, ${versions.join(', ')}${written}`],
    ['graph in', inputs.map(describeValue).join(', ')],
    ['graph out', outputs.map(describeValue).join(', ')],
    ['operators', counts.join(', ')],
  ];
  return facts;
}

function describeValue({ name, type, shape }: OnnxValue): string {
  const sizes = shape?.map((size) => (size === '' ? '?' : size)).join(' × ');
  return `"${name}" (${[type, sizes].filter(Boolean).join(', ')})`;
}
