// What packing needs of a user's ONNX graph: its class labels, and its scores as a plain tensor.
import { bytesField, concat, type Field, fieldsOf, textOf, varintField } from './protobuf.ts';

const ML_DOMAIN = 'ai.onnx.ml';
const FLOAT = 1;

interface Node {
  readonly operator: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: readonly Uint8Array[];
}

export interface PackableGraph {
  /** The model, without ZipMap. */
  readonly bytes: Uint8Array;
  /** The classes that the model itself names, in the order of its scores; null where it names none. */
  readonly classes: readonly string[] | null;
  /** The outputs that stand for those of ZipMap. */
  readonly unzipped: readonly string[];
  /** The operator that computes each tensor. */
  readonly producers: ReadonlyMap<string, string>;
}

/**
 * Reads the graph and takes ZipMap out: scikit-learn's converter puts it last, to turn a tensor of
 * probabilities into a list of maps, which is no tensor and of no use here.
 * @param model an ONNX file that has passed inspection
 */
export function readPackableGraph(model: Uint8Array): PackableGraph {
  const graphs = [...fieldsOf(model)].filter(isGraph).map(({ bytes }) => bytes);
  const nodes = graphs.flatMap((graph) => [...fieldsOf(graph)].filter(isNode).map(readNode));
  const producers = new Map(
    nodes.flatMap(({ outputs, operator }) => outputs.map((name) => [name, operator] as const)),
  );
  const zipMaps = new Map(
    nodes
      .filter(({ operator, domain }) => operator === 'ZipMap' && domain === ML_DOMAIN)
      .map(({ inputs, outputs }) => [outputs[0] ?? '', inputs[0] ?? '']),
  );
  const parts = [...fieldsOf(model)].map((field) =>
    isGraph(field) ? bytesField(7, withoutZipMaps(field.bytes, zipMaps)) : field.whole,
  );
  return {
    bytes: zipMaps.size > 0 ? concat(parts) : model,
    classes: nodes.map(classesOf).find((classes) => classes !== null) ?? null,
    unzipped: [...zipMaps.values()],
    producers,
  };
}

/** @param zipMaps by the name of the output, the name of the tensor that it was made of */
function withoutZipMaps(graph: Uint8Array, zipMaps: ReadonlyMap<string, string>): Uint8Array {
  const declared = new Set<string>();
  const parts: Uint8Array[] = [];
  for (const field of fieldsOf(graph)) {
    if (isNode(field) && zipMaps.has(readNode(field).outputs[0] ?? '')) continue;
    const name = field.number === 12 && field.wire === 'bytes' ? nameOf(field.bytes) : '';
    const source = zipMaps.get(name);
    if (source === undefined) parts.push(field.whole);
    else if (!declared.has(source)) {
      declared.add(source);
      parts.push(bytesField(12, matrixOf(source)));
    }
  }
  return concat(parts);
}

/** A float32 tensor of two dynamic dimensions. */
function matrixOf(name: string): Uint8Array {
  const shape = concat([bytesField(1, new Uint8Array()), bytesField(1, new Uint8Array())]);
  const tensorType = concat([varintField(1, FLOAT), bytesField(2, shape)]);
  return concat([bytesField(1, name), bytesField(2, bytesField(1, tensorType))]);
}

/** The labels of a classifier node, as texts. */
function classesOf({ attributes, domain }: Node): string[] | null {
  if (domain !== ML_DOMAIN) return null;
  for (const attribute of attributes) {
    const fields = [...fieldsOf(attribute)];
    if (/^classlabels_strings$/.test(nameOf(attribute))) {
      const texts = fields.filter(({ number, wire }) => number === 9 && wire === 'bytes');
      if (texts.length > 0) return texts.map(textOf);
    }
    if (/^classlabels_int(s|64s)$/.test(nameOf(attribute))) {
      const numbers = fields.flatMap(readInts);
      if (numbers.length > 0) return numbers.map(String);
    }
  }
  return null;
}

/** The numbers of a repeated integer field, written one by one or packed. */
function readInts(field: Field): number[] {
  if (field.number !== 8) return [];
  if (field.wire === 'varint') return [field.value];
  const numbers: number[] = [];
  let value = 0;
  let scale = 1;
  for (const byte of field.bytes) {
    value += (byte & 0x7f) * scale;
    scale *= 0x80;
    if (byte >= 0x80) continue;
    numbers.push(value);
    value = 0;
    scale = 1;
  }
  return numbers;
}

function readNode({ bytes }: Field): Node {
  const fields = [...fieldsOf(bytes)].filter(({ wire }) => wire === 'bytes');
  const texts = (number: number) => fields.filter((field) => field.number === number).map(textOf);
  return {
    inputs: texts(1),
    outputs: texts(2),
    operator: texts(4).at(-1) ?? '',
    domain: texts(7).at(-1) ?? '',
    attributes: fields.filter(({ number }) => number === 5).map((field) => field.bytes),
  };
}

function isGraph({ number, wire }: Field): boolean {
  return number === 7 && wire === 'bytes';
}

function isNode({ number, wire }: Field): boolean {
  return number === 1 && wire === 'bytes';
}

function nameOf(message: Uint8Array): string {
  const name = [...fieldsOf(message)].find(({ number, wire }) => number === 1 && wire === 'bytes');
  return name ? textOf(name) : '';
}
