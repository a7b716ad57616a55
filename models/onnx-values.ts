// The inputs and outputs that an ONNX graph declares: ValueInfoProto and its type.
import { type Field, fieldsOf, textOf } from './protobuf.ts';

/** An input or output of the graph. `shape` is null where it is not declared. */
export interface OnnxValue {
  readonly name: string;
  /** `float32`, `int64`, … of a tensor; `sequence`, `map` or `other` for what is no tensor. */
  readonly type: string;
  /** Numbers are fixed, names symbolic, '' unknown. */
  readonly shape: readonly (number | string)[] | null;
}

/** By the numbers of TensorProto.DataType. */
const ELEMENT_TYPES =
  'undefined float32 uint8 int8 uint16 int16 int32 int64 string bool float16 float64 uint32 uint64 complex64 complex128 bfloat16'.split(
    ' ',
  );

/** ValueInfoProto: the name and, as far as it is a tensor's, the type. */
export function readValue(bytes: Uint8Array): OnnxValue {
  let name = '';
  let type = 'other';
  let shape: (number | string)[] | null = null;
  for (const field of fieldsOf(bytes)) {
    if (field.wire !== 'bytes') continue;
    if (field.number === 1) name = textOf(field);
    if (field.number !== 2) continue;
    for (const kind of fieldsOf(field.bytes)) {
      if (kind.wire !== 'bytes') continue;
      if (kind.number === 4) type = 'sequence';
      if (kind.number === 5) type = 'map';
      if (kind.number === 1) ({ type, shape } = readTensorType(kind.bytes));
    }
  }
  return { name, type, shape };
}

function readTensorType(bytes: Uint8Array) {
  let type = 'other';
  let shape: (number | string)[] | null = null;
  for (const field of fieldsOf(bytes)) {
    if (field.number === 1 && field.wire === 'varint') {
      type = ELEMENT_TYPES[field.value] ?? 'other';
    }
    if (field.number === 2 && field.wire === 'bytes') {
      shape = [...fieldsOf(field.bytes)].filter(isDimension).map(readDimension);
    }
  }
  return { type, shape };
}

function isDimension(field: Field): boolean {
  return field.number === 1 && field.wire === 'bytes';
}

function readDimension(dimension: Field): number | string {
  let size: number | string = '';
  for (const field of fieldsOf(dimension.bytes)) {
    if (field.number === 1 && field.wire === 'varint') size = field.value;
    if (field.number === 2 && field.wire === 'bytes') size = textOf(field);
  }
  return size;
}
