// A TF.js model from verified bytes: model.json and the weights that it names, all of them listed files.

/** What TF.js loads from memory; of `tf.io.ModelArtifacts`. */
export interface TfjsArtifacts {
  readonly modelTopology: object;
  readonly weightSpecs: WeightSpec[];
  readonly weightData: ArrayBuffer;
  readonly format?: string;
  readonly signature?: object;
}

export interface WeightSpec {
  readonly name: string;
  readonly shape: number[];
  readonly dtype: 'float32' | 'int32' | 'bool';
}

export interface TfjsProblem {
  readonly kind: 'outside' | 'missing' | 'model';
  /** A sentence that begins with the file's name. */
  readonly message: string;
}

const BYTES = { float32: 4, int32: 4, bool: 1 } as const;

class Problem extends Error {
  readonly kind: TfjsProblem['kind'];
  constructor(kind: TfjsProblem['kind'], message: string) {
    super(message);
    this.kind = kind;
  }
}

/** What is wrong with a TF.js model and its weights, as far as it can be seen without running it. */
export function tfjsProblem(
  file: string,
  files: ReadonlyMap<string, Uint8Array>,
): TfjsProblem | null {
  try {
    readTfjsArtifacts(file, files);
    return null;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return { kind: error.kind, message: `${file} ${error.message}` };
  }
}

/**
 * Puts a model together from the bundle's bytes. Weights are looked up by their plain names among the
 * bundle's files; no path and no URL is ever followed.
 * @throws {Error} no TF.js model, weights that are not listed, or of another size than declared
 */
export function readTfjsArtifacts(
  file: string,
  files: ReadonlyMap<string, Uint8Array>,
): TfjsArtifacts {
  const bytes = files.get(file);
  if (!bytes) throw new Problem('missing', 'is not among the files of the bundle');
  const model = parseObject(bytes);
  const topology = model['modelTopology'];
  if (!isObject(topology)) throw new Problem('model', 'has no modelTopology');
  const groups = model['weightsManifest'] ?? [];
  if (!Array.isArray(groups)) throw new Problem('model', 'has no list as weightsManifest');
  const weightSpecs: WeightSpec[] = [];
  const parts: Uint8Array[] = [];
  for (const group of groups as unknown[]) {
    if (!isObject(group)) throw new Problem('model', 'has a weightsManifest of no objects');
    const before = weightSpecs.length;
    for (const spec of asList(group['weights'], 'weights')) weightSpecs.push(readSpec(spec));
    const shards = asList(group['paths'], 'paths').map((path) => findShard(path, files));
    const expected = weightSpecs.slice(before).reduce((sum, spec) => sum + sizeOf(spec), 0);
    const found = shards.reduce((sum, shard) => sum + shard.length, 0);
    if (found !== expected) {
      throw new Problem('model', `declares ${expected} bytes of weights, its files hold ${found}`);
    }
    parts.push(...shards);
  }
  if (model['modelInitializer'] !== undefined) {
    throw new Problem('model', 'runs a graph when it is loaded (modelInitializer)');
  }
  const { format, signature } = model;
  return {
    modelTopology: topology,
    weightSpecs,
    weightData: new Uint8Array(Buffer.concat(parts)).buffer,
    ...(typeof format === 'string' && { format }),
    ...(isObject(signature) && { signature }),
  };
}

function findShard(path: unknown, files: ReadonlyMap<string, Uint8Array>): Uint8Array {
  const bytes = typeof path === 'string' ? files.get(path) : undefined;
  if (bytes) return bytes;
  if (typeof path === 'string' && /^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(path)) {
    throw new Problem('missing', `takes weights from ${path}, which the manifest does not list`);
  }
  throw new Problem('outside', 'takes weights from a path that is no plain file name');
}

function readSpec(spec: unknown): WeightSpec {
  if (!isObject(spec)) throw new Problem('model', 'declares a weight that is no object');
  const { name, shape, dtype, quantization } = spec;
  if (quantization !== undefined) {
    throw new Problem(
      'model',
      'has quantized weights, expected float32, int32 or bool as they are',
    );
  }
  const isShape =
    Array.isArray(shape) && shape.every((size) => Number.isInteger(size) && size >= 0);
  if (typeof name !== 'string' || !isShape) {
    throw new Problem('model', 'declares a weight without a name or a shape of whole numbers');
  }
  if (dtype !== 'float32' && dtype !== 'int32' && dtype !== 'bool') {
    throw new Problem('model', 'declares a weight of another type than float32, int32 or bool');
  }
  return { name, shape: shape as number[], dtype };
}

function sizeOf({ shape, dtype }: WeightSpec): number {
  return shape.reduce((product, size) => product * size, BYTES[dtype]);
}

function parseObject(bytes: Uint8Array): Record<string, unknown> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new Problem('model', 'is no JSON');
  }
  if (!isObject(parsed)) throw new Problem('model', 'is no JSON object');
  return parsed;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function asList(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new Problem('model', `has no list of ${what}`);
  return value;
}
