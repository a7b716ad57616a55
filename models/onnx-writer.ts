// Writes a graph as an ONNX file: protocol buffers by hand, the same bytes for the same graph.
import type { Graph, GraphNode, Tensor } from './graph.ts';

/** Debian's checker knows IR 8 and opset 17 at most; nothing here needs more than these. */
const IR_VERSION = 7;
const OPSET = 13;

const DATA_TYPE = { float32: 1, int64: 7 } as const;
const ATTRIBUTE_INT = 2;

/** The bytes of a ModelProto with a dynamic first axis named `rows`. */
export function writeOnnx(graph: Graph): Uint8Array {
  const body = [
    ...graph.nodes.map((node) => message(1, nodeProto(node))),
    text(2, graph.name),
    ...[...graph.constants].map(([name, tensor]) => message(5, tensorProto(name, tensor))),
    message(11, valueInfo(graph.input.name, graph.input.width)),
    message(12, valueInfo(graph.output.name, graph.output.columns)),
  ];
  return Buffer.concat([
    integer(1, IR_VERSION),
    text(2, 'echolot'),
    message(7, body),
    message(8, [text(1, ''), integer(2, OPSET)]),
  ]);
}

function nodeProto({ operator, inputs, outputs, attributes }: GraphNode): Buffer[] {
  return [
    ...inputs.map((name) => text(1, name)),
    ...outputs.map((name) => text(2, name)),
    text(4, operator),
    ...Object.entries(attributes).map(([name, value]) =>
      message(5, [text(1, name), integer(3, value), integer(20, ATTRIBUTE_INT)]),
    ),
  ];
}

function tensorProto(name: string, { type, shape, values }: Tensor): Buffer[] {
  const raw = Buffer.alloc(values.length * (type === 'float32' ? 4 : 8));
  for (const [index, value] of values.entries()) {
    if (type === 'float32') raw.writeFloatLE(value, index * 4);
    else raw.writeBigInt64LE(BigInt(value), index * 8);
  }
  return [
    ...shape.map((length) => integer(1, length)),
    integer(2, DATA_TYPE[type]),
    text(8, name),
    bytes(9, raw),
  ];
}

function valueInfo(name: string, columns: number): Buffer[] {
  const shape = [message(1, [text(2, 'rows')]), message(1, [integer(1, columns)])];
  const tensorType = [integer(1, DATA_TYPE.float32), message(2, shape)];
  return [text(1, name), message(2, [message(1, tensorType)])];
}

/** Base 128, least significant group first; a negative number as its 64-bit complement. */
function varint(value: number): Buffer {
  const groups: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  do {
    const group = Number(rest & 0x7fn);
    rest >>= 7n;
    groups.push(rest > 0n ? group | 0x80 : group);
  } while (rest > 0n);
  return Buffer.from(groups);
}

function integer(field: number, value: number): Buffer {
  return Buffer.concat([varint(field << 3), varint(value)]);
}

function bytes(field: number, value: Uint8Array): Buffer {
  return Buffer.concat([varint((field << 3) | 2), varint(value.length), value]);
}

function text(field: number, value: string): Buffer {
  return bytes(field, Buffer.from(value, 'utf8'));
}

function message(field: number, parts: readonly Buffer[]): Buffer {
  return bytes(field, Buffer.concat(parts));
}
