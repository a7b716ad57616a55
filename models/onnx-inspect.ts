// What an ONNX file says of itself, read without a runtime, and what makes it unfit to be loaded.
import { type Body, callProblem, createBody } from './onnx-functions.ts';
import { type OnnxValue, readValue } from './onnx-values.ts';
import { fieldsOf, ProtobufError, textOf } from './protobuf.ts';

export interface OnnxFacts {
  readonly irVersion: number;
  /** Version by domain; '' is ONNX's own. */
  readonly opsets: Readonly<Record<string, number>>;
  readonly producer: string;
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  /** How often each operator stands in the graph, its subgraphs and functions. */
  readonly operators: Readonly<Record<string, number>>;
}

export type OnnxInspection =
  | { readonly ok: true; readonly facts: OnnxFacts }
  | {
      readonly ok: false;
      /** `outside`: it points to other files. `hostile`: it could harm the process that loads it. */
      readonly kind: 'unreadable' | 'outside' | 'hostile';
      /** Continues a sentence that begins with the file's name. */
      readonly reason: string;
    };

/** Graphs within attributes of nodes, one in the other; onnxruntime walks them recursively. */
const MAX_SUBGRAPH_DEPTH = 16;
class Refusal extends Error {
  readonly kind: 'outside' | 'hostile';
  constructor(kind: 'outside' | 'hostile', reason: string) {
    super(reason);
    this.kind = kind;
  }
}

/**
 * Walks an ONNX model, linear in its size and of bounded depth. It refuses what points outside the
 * file and what is known to crash or to hang a runtime; what it lets through is not thereby safe:
 * only a trial in a process of its own shows that.
 */
export function inspectOnnx(model: Uint8Array): OnnxInspection {
  try {
    return { ok: true, facts: inspectModel(model) };
  } catch (error) {
    if (error instanceof Refusal) return { ok: false, kind: error.kind, reason: error.message };
    if (error instanceof ProtobufError) {
      return { ok: false, kind: 'unreadable', reason: `is no ONNX model: ${error.message}` };
    }
    throw error;
  }
}

function inspectModel(model: Uint8Array): OnnxFacts {
  // A file may be both: onnxruntime would load the other model, which nobody has inspected.
  if (Buffer.from(model.subarray(4, 8)).toString('latin1') === 'ORTM') {
    throw new Refusal('hostile', "is in onnxruntime's own format, expected ONNX");
  }
  let irVersion = 0;
  let producer = '';
  const opsets: Record<string, number> = {};
  const inputs: OnnxValue[] = [];
  const outputs: OnnxValue[] = [];
  const main = createBody();
  const functions = new Map<string, Body>();
  let graphs = 0;
  for (const field of fieldsOf(model)) {
    if (field.number === 1 && field.wire === 'varint') irVersion = field.value;
    if (field.wire !== 'bytes') continue;
    if (field.number === 2) producer = textOf(field);
    if (field.number === 7) {
      graphs += 1;
      inspectGraph(field.bytes, main, 0);
      for (const value of fieldsOf(field.bytes)) {
        if (value.wire !== 'bytes') continue;
        if (value.number === 11) inputs.push(readValue(value.bytes));
        if (value.number === 12) outputs.push(readValue(value.bytes));
      }
    }
    if (field.number === 8) {
      const { domain, version } = readOpset(field.bytes);
      opsets[domain] = version;
    }
    if (field.number === 20) throw new Refusal('hostile', 'holds graphs for training');
    if (field.number === 25) readFunction(field.bytes, functions);
  }
  if (graphs === 0) throw new ProtobufError('it holds no graph');
  const problem = callProblem(main, functions);
  if (problem) throw new Refusal('hostile', problem);
  const operators: Record<string, number> = {};
  for (const { calls } of [main, ...functions.values()]) {
    for (const [name, count] of calls) {
      const shown = name.startsWith(':') ? name.slice(1) : name;
      operators[shown] = (operators[shown] ?? 0) + count;
    }
  }
  return { irVersion, opsets, producer, inputs, outputs, operators };
}

function inspectGraph(graph: Uint8Array, body: Body, depth: number): void {
  if (depth > MAX_SUBGRAPH_DEPTH) {
    throw new Refusal('hostile', `nests graphs deeper than ${MAX_SUBGRAPH_DEPTH} levels`);
  }
  for (const field of fieldsOf(graph)) {
    if (field.wire !== 'bytes') continue;
    if (field.number === 1) inspectNode(field.bytes, body, depth);
    if (field.number === 5) inspectTensor(field.bytes);
    if (field.number === 15) inspectSparse(field.bytes);
  }
}

function inspectNode(node: Uint8Array, body: Body, depth: number): void {
  let operator = '';
  let domain = '';
  for (const field of fieldsOf(node)) {
    if (field.wire !== 'bytes') continue;
    if (field.number === 4) operator = textOf(field);
    if (field.number === 5) inspectAttribute(field.bytes, body, depth);
    if (field.number === 7) domain = textOf(field);
  }
  if (domain === 'ai.onnx') domain = '';
  if (operator === 'Loop' && domain === '') {
    const why = 'it may run for ever, and a run cannot be stopped';
    throw new Refusal('hostile', `uses the operator Loop: ${why}`);
  }
  const name = `${domain}:${operator}`;
  body.nodes += 1;
  body.calls.set(name, (body.calls.get(name) ?? 0) + 1);
}

function inspectAttribute(attribute: Uint8Array, body: Body, depth: number): void {
  for (const field of fieldsOf(attribute)) {
    if (field.wire !== 'bytes') continue;
    if (field.number === 5 || field.number === 10) inspectTensor(field.bytes);
    if (field.number === 6 || field.number === 11) inspectGraph(field.bytes, body, depth + 1);
    if (field.number === 22 || field.number === 23) inspectSparse(field.bytes);
  }
}

function inspectSparse(tensor: Uint8Array): void {
  for (const field of fieldsOf(tensor)) {
    if (field.wire === 'bytes' && field.number <= 2) inspectTensor(field.bytes);
  }
}

function inspectTensor(tensor: Uint8Array): void {
  for (const field of fieldsOf(tensor)) {
    const isExternal =
      (field.number === 13 && field.wire === 'bytes') ||
      (field.number === 14 && field.wire === 'varint' && field.value !== 0);
    if (isExternal) {
      throw new Refusal(
        'outside',
        'keeps weights in another file (external data), which is never followed',
      );
    }
  }
}

function readFunction(bytes: Uint8Array, functions: Map<string, Body>): void {
  let name = '';
  let domain = '';
  const body = createBody();
  for (const field of fieldsOf(bytes)) {
    if (field.wire !== 'bytes') continue;
    if (field.number === 1) name = textOf(field);
    if (field.number === 7) inspectNode(field.bytes, body, 0);
    if (field.number === 10) domain = textOf(field);
    if (field.number === 11) inspectAttribute(field.bytes, body, 0);
  }
  const key = `${domain === 'ai.onnx' ? '' : domain}:${name}`;
  if (functions.has(key)) throw new Refusal('hostile', 'defines a local function twice');
  functions.set(key, body);
}

function readOpset(bytes: Uint8Array) {
  let domain = '';
  let version = 0;
  for (const field of fieldsOf(bytes)) {
    if (field.number === 1 && field.wire === 'bytes') domain = textOf(field);
    if (field.number === 2 && field.wire === 'varint') version = field.value;
  }
  return { domain: domain === 'ai.onnx' ? '' : domain, version };
}
