// Writes a graph as an ONNX file, the same bytes for the same graph. Field numbers are those of onnx.proto.
import type { Graph, GraphNode, Tensor } from './graph.ts';
import { bytesField, concat, varintField } from './protobuf.ts';

/** Debian's checker knows IR 8 and opset 17 at most; nothing here needs more than these. */
const IR_VERSION = 7;
const OPSET = 13;

const DATA_TYPE = { float32: 1, int64: 7 } as const;
const ATTRIBUTE_INT = 2;

/** The bytes of a ModelProto with a dynamic first axis named `rows`. */
export function writeOnnx(graph: Graph): Uint8Array {
  const body = [
    ...graph.nodes.map((node) => message(1, nodeProto(node))),
    bytesField(2, graph.name),
    ...[...graph.constants].map(([name, tensor]) => message(5, tensorProto(name, tensor))),
    message(11, valueInfo(graph.input.name, graph.input.width)),
    message(12, valueInfo(graph.output.name, graph.output.columns)),
  ];
  return concat([
    varintField(1, IR_VERSION),
    bytesField(2, 'echolot'),
    message(7, body),
    message(8, [bytesField(1, ''), varintField(2, OPSET)]),
  ]);
}

function nodeProto({ operator, inputs, outputs, attributes }: GraphNode): Uint8Array[] {
  return [
    ...inputs.map((name) => bytesField(1, name)),
    ...outputs.map((name) => bytesField(2, name)),
    bytesField(4, operator),
    ...Object.entries(attributes).map(([name, value]) =>
      message(5, [bytesField(1, name), varintField(3, value), varintField(20, ATTRIBUTE_INT)]),
    ),
  ];
}

function tensorProto(name: string, { type, shape, values }: Tensor): Uint8Array[] {
  const raw = Buffer.alloc(values.length * (type === 'float32' ? 4 : 8));
  for (const [index, value] of values.entries()) {
    if (type === 'float32') raw.writeFloatLE(value, index * 4);
    else raw.writeBigInt64LE(BigInt(value), index * 8);
  }
  return [
    ...shape.map((length) => varintField(1, length)),
    varintField(2, DATA_TYPE[type]),
    bytesField(8, name),
    bytesField(9, raw),
  ];
}

function valueInfo(name: string, columns: number): Uint8Array[] {
  const shape = [message(1, [bytesField(2, 'rows')]), message(1, [varintField(1, columns)])];
  const tensorType = [varintField(1, DATA_TYPE.float32), message(2, shape)];
  return [bytesField(1, name), message(2, [message(1, tensorType)])];
}

function message(field: number, parts: readonly Uint8Array[]): Uint8Array {
  return bytesField(field, concat(parts));
}
