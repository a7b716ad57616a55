// Small ONNX models for tests, written by hand: shapes that exporters write, and what attackers would.
import { bytesField, concat, varintField } from './protobuf.ts';

export const FLOAT = 1;
export const INT64 = 7;

export function node(
  operator: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: readonly Uint8Array[] = [],
  domain = '',
): Uint8Array {
  return concat([
    ...inputs.map((name) => bytesField(1, name)),
    ...outputs.map((name) => bytesField(2, name)),
    bytesField(4, operator),
    ...attributes.map((attribute) => bytesField(5, attribute)),
    ...(domain ? [bytesField(7, domain)] : []),
  ]);
}

export function floatsAttribute(name: string, values: readonly number[]): Uint8Array {
  return concat([bytesField(1, name), bytesField(7, floats(values)), varintField(20, 6)]);
}

export function intsAttribute(name: string, values: readonly number[]): Uint8Array {
  const fields = values.map((value) => varintField(8, value));
  return concat([bytesField(1, name), ...fields, varintField(20, 7)]);
}

export function intAttribute(name: string, value: number): Uint8Array {
  return concat([bytesField(1, name), varintField(3, value), varintField(20, 2)]);
}

export function stringsAttribute(name: string, values: readonly string[]): Uint8Array {
  const fields = values.map((value) => bytesField(9, value));
  return concat([bytesField(1, name), ...fields, varintField(20, 8)]);
}

export function textAttribute(name: string, value: string): Uint8Array {
  return concat([bytesField(1, name), bytesField(4, value), varintField(20, 3)]);
}

export function tensorAttribute(name: string, value: Uint8Array): Uint8Array {
  return concat([bytesField(1, name), bytesField(5, value), varintField(20, 4)]);
}

export function graphAttribute(name: string, value: Uint8Array): Uint8Array {
  return concat([bytesField(1, name), bytesField(6, value), varintField(20, 5)]);
}

export function tensor(
  name: string,
  shape: readonly number[],
  values: readonly number[],
): Uint8Array {
  return concat([
    ...shape.map((size) => varintField(1, size)),
    varintField(2, FLOAT),
    bytesField(8, name),
    bytesField(9, floats(values)),
  ]);
}

export function int64Tensor(
  name: string,
  shape: readonly number[],
  values: readonly number[],
): Uint8Array {
  const raw = new Uint8Array(BigInt64Array.from(values.map(BigInt)).buffer);
  return concat([
    ...shape.map((size) => varintField(1, size)),
    varintField(2, INT64),
    bytesField(8, name),
    bytesField(9, raw),
  ]);
}

/** Weights that are said to stand in another file. */
export function externalTensor(name: string, shape: readonly number[], path: string): Uint8Array {
  return concat([
    ...shape.map((size) => varintField(1, size)),
    varintField(2, FLOAT),
    bytesField(8, name),
    bytesField(13, concat([bytesField(1, 'location'), bytesField(2, path)])),
    varintField(14, 1),
  ]);
}

/** A tensor as input or output; a name or '' in the shape is a dynamic dimension. */
export function value(
  name: string,
  shape: readonly (number | string)[],
  type: number = FLOAT,
): Uint8Array {
  const dimensions = shape.map((size) =>
    bytesField(1, typeof size === 'number' ? varintField(1, size) : bytesField(2, size)),
  );
  const tensorType = concat([varintField(1, type), bytesField(2, concat(dimensions))]);
  return concat([bytesField(1, name), bytesField(2, bytesField(1, tensorType))]);
}

/** What ZipMap gives: a sequence of maps from a label to a float. */
export function zipMapValue(name: string, keyType: number): Uint8Array {
  const floatType = bytesField(1, varintField(1, FLOAT));
  const map = bytesField(5, concat([varintField(1, keyType), bytesField(2, floatType)]));
  const sequence = bytesField(4, bytesField(1, map));
  return concat([bytesField(1, name), bytesField(2, sequence)]);
}

export interface GraphParts {
  readonly nodes: readonly Uint8Array[];
  readonly inputs?: readonly Uint8Array[];
  readonly outputs?: readonly Uint8Array[];
  readonly initializers?: readonly Uint8Array[];
}

export function graph({ nodes, inputs, outputs, initializers }: GraphParts): Uint8Array {
  return concat([
    ...nodes.map((bytes) => bytesField(1, bytes)),
    bytesField(2, 'graph'),
    ...(initializers ?? []).map((bytes) => bytesField(5, bytes)),
    ...(inputs ?? []).map((bytes) => bytesField(11, bytes)),
    ...(outputs ?? []).map((bytes) => bytesField(12, bytes)),
  ]);
}

/** A local function of the domain `local`. */
export function localFunction(name: string, nodes: readonly Uint8Array[]): Uint8Array {
  return concat([
    bytesField(1, name),
    bytesField(4, 'x'),
    bytesField(5, 'y'),
    ...nodes.map((bytes) => bytesField(7, bytes)),
    ...opsets(),
    bytesField(10, 'local'),
  ]);
}

export function model(parts: GraphParts, functions: readonly Uint8Array[] = []): Uint8Array {
  return concat([
    varintField(1, 8),
    bytesField(2, 'test'),
    bytesField(7, graph(parts)),
    ...opsets(8),
    ...functions.map((bytes) => bytesField(25, bytes)),
  ]);
}

/** Logits of a linear model: x · weights + bias, the weights as width rows of columns. */
export function linearModel(
  weights: readonly (readonly number[])[],
  { rows = 'rows' as number | string, activation = '' } = {},
): Uint8Array {
  const width = weights.length;
  const columns = weights[0]?.length ?? 0;
  const nodes = [node('MatMul', ['x', 'w'], [activation ? 'z' : 'y'])];
  if (activation) nodes.push(node(activation, ['z'], ['y']));
  return model({
    nodes,
    initializers: [tensor('w', [width, columns], weights.flat())],
    inputs: [value('x', [rows, width])],
    outputs: [value('y', [rows, columns])],
  });
}

/** As scikit-learn's converter writes a logistic regression: the label first, then probabilities. */
export function sklearnModel(
  weights: readonly (readonly number[])[],
  options: { readonly labels?: readonly string[]; readonly zipMap?: boolean } = {},
): Uint8Array {
  const { labels, zipMap = false } = options;
  const width = weights.length;
  const columns = weights[0]?.length ?? 0;
  const coefficients = Array.from({ length: columns }, (_, column) =>
    weights.map((row) => row[column] as number),
  ).flat();
  const ml = 'ai.onnx.ml';
  const numbers = Array.from({ length: columns }, (_, index) => index);
  const nodes = [
    node(
      'LinearClassifier',
      ['float_input'],
      ['label', 'raw'],
      [
        floatsAttribute('coefficients', coefficients),
        floatsAttribute(
          'intercepts',
          numbers.map(() => 0),
        ),
        labels
          ? stringsAttribute('classlabels_strings', labels)
          : intsAttribute('classlabels_ints', numbers),
        textAttribute('post_transform', 'LOGISTIC'),
      ],
      ml,
    ),
    node('Normalizer', ['raw'], ['probabilities'], [textAttribute('norm', 'L1')], ml),
    node('Identity', ['label'], ['output_label']),
  ];
  if (zipMap) {
    const keys = labels
      ? stringsAttribute('classlabels_strings', labels)
      : intsAttribute('classlabels_int64s', numbers);
    nodes.push(node('ZipMap', ['probabilities'], ['output_probability'], [keys], ml));
  }
  const labelType = labels ? 8 : INT64;
  return model({
    nodes,
    inputs: [value('float_input', ['', width])],
    outputs: [
      value('output_label', [''], labelType),
      zipMap ? zipMapValue('output_probability', labelType) : value('probabilities', ['', columns]),
    ],
  });
}

function opsets(field = 9): Uint8Array[] {
  const versions: [string, number][] = [
    ['', 17],
    ['ai.onnx.ml', 3],
    ['local', 1],
  ];
  return versions.map(([domain, version]) =>
    bytesField(field, concat([bytesField(1, domain), varintField(2, version)])),
  );
}

function floats(values: readonly number[]): Uint8Array {
  return new Uint8Array(Float32Array.from(values).buffer);
}
