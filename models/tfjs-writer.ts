// Writes a graph as a TF.js graph model: model.json and one file of weights, the same bytes for the same graph.
import type { Graph, GraphNode, Operator, Tensor } from './graph.ts';

/** File names within a bundle. */
export const TFJS_FILE = 'model.json';
const WEIGHTS_FILE = 'model.weights.bin';

/** TensorFlow's names. TopK and what goes with it are missing: only nearest neighbours need them. */
const NAMES: Partial<Record<Operator, string>> = {
  Add: 'AddV2',
  Clip: 'ClipByValue',
  Exp: 'Exp',
  MatMul: 'MatMul',
  Mul: 'Mul',
  Relu: 'Relu',
  Sigmoid: 'Sigmoid',
  Slice: 'Slice',
  Sqrt: 'Sqrt',
  Sub: 'Sub',
  Tanh: 'Tanh',
};

interface NodeDef {
  readonly name: string;
  readonly op: string;
  readonly input?: readonly string[];
  readonly attr: Readonly<Record<string, unknown>>;
}

const FLOAT = { type: 'DT_FLOAT' };
const INT = { type: 'DT_INT32' };

/** True where every operator of the graph has a counterpart that the writer knows. */
export function canWriteTfjs(graph: Graph): boolean {
  return graph.nodes.every(({ operator }) => NAMES[operator] !== undefined);
}

/**
 * The files of a graph model by name.
 * @throws {RangeError} the graph has an operator that this writer does not know in TensorFlow
 */
export function writeTfjs(graph: Graph): ReadonlyMap<string, Uint8Array> {
  const constants = new Map<string, Tensor>();
  const nodes = graph.nodes.map((node) => nodeDef(node, graph, constants));
  const weights = [...constants];
  const model = {
    format: 'graph-model',
    generatedBy: 'echolot',
    convertedBy: null,
    signature: {
      inputs: { [graph.input.name]: tensorInfo(graph.input.name, graph.input.width) },
      outputs: { [graph.output.name]: tensorInfo(graph.output.name, graph.output.columns) },
    },
    modelTopology: {
      node: [
        {
          name: graph.input.name,
          op: 'Placeholder',
          attr: { dtype: FLOAT, shape: { shape: shapeOf([-1, graph.input.width]) } },
        },
        ...weights.map(([name, tensor]) => constDef(name, tensor)),
        ...nodes,
      ],
      library: {},
      versions: { producer: 1 },
    },
    weightsManifest: [
      {
        paths: [WEIGHTS_FILE],
        weights: weights.map(([name, { type, shape }]) => ({
          name,
          shape,
          dtype: type === 'float32' ? 'float32' : 'int32',
        })),
      },
    ],
  };
  return new Map<string, Uint8Array>([
    [TFJS_FILE, Buffer.from(JSON.stringify(model))],
    [WEIGHTS_FILE, Buffer.concat(weights.map(([, tensor]) => bytesOf(tensor)))],
  ]);
}

/** One node of TensorFlow for one of ours; the constants that it takes are added to `constants`. */
function nodeDef(
  { operator, inputs, outputs }: GraphNode,
  graph: Graph,
  constants: Map<string, Tensor>,
): NodeDef {
  const op = NAMES[operator];
  if (op === undefined || outputs.length !== 1) {
    throw new RangeError(`${graph.name}: no TF.js counterpart is known for ${operator}`);
  }
  const name = outputs[0] as string;
  const take = (input: string, tensor = graph.constants.get(input)) => {
    if (tensor) constants.set(input, tensor);
    return input;
  };
  if (operator === 'Slice') return sliceDef(name, inputs, graph, take);
  const transposes = { transpose_a: { b: false }, transpose_b: { b: false } };
  return {
    name,
    op,
    input: inputs.map((input) => take(input)),
    attr: { T: FLOAT, ...(operator === 'MatMul' && transposes) },
  };
}

/** ONNX slices columns by start and end, TensorFlow all axes by start and size (-1: all). */
function sliceDef(
  name: string,
  inputs: readonly string[],
  graph: Graph,
  take: (input: string, tensor: Tensor) => string,
): NodeDef {
  const [start = 0, end = 0] = inputs
    .slice(1, 3)
    .map((input) => graph.constants.get(input)?.values[0] as number);
  const pair = (values: number[]): Tensor => ({ type: 'int64', shape: [2], values });
  const begin = take(`${name}_begin`, pair([0, start]));
  const size = take(`${name}_size`, pair([-1, end - start]));
  return {
    name,
    op: 'Slice',
    input: [inputs[0] as string, begin, size],
    attr: { T: FLOAT, Index: INT },
  };
}

function constDef(name: string, { type, shape }: Tensor): NodeDef {
  const dtype = type === 'float32' ? FLOAT : INT;
  const tensor = { dtype: dtype.type, tensorShape: shapeOf(shape) };
  return { name, op: 'Const', attr: { dtype, value: { tensor } } };
}

function tensorInfo(name: string, columns: number) {
  return { name: `${name}:0`, dtype: 'DT_FLOAT', tensorShape: shapeOf([-1, columns]) };
}

function shapeOf(shape: readonly number[]) {
  return { dim: shape.map((size) => ({ size: String(size) })) };
}

function bytesOf({ type, values }: Tensor): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) {
    if (type === 'float32') bytes.writeFloatLE(value, index * 4);
    else bytes.writeInt32LE(value, index * 4);
  }
  return bytes;
}
