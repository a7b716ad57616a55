// A small computation graph, the one description of a model from which each runtime's file is written.

/** Operators of ONNX opset 13, with ONNX's names, inputs and attributes. */
export type Operator =
  | 'Add'
  | 'Clip'
  | 'Exp'
  | 'Gather'
  | 'MatMul'
  | 'Mul'
  | 'ReduceSum'
  | 'Relu'
  | 'Sigmoid'
  | 'Slice'
  | 'Sqrt'
  | 'Sub'
  | 'Tanh'
  | 'TopK';

/** A constant of a graph: float32, or int64 for indices and axes. */
export interface Tensor {
  readonly type: 'float32' | 'int64';
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

export interface GraphNode {
  readonly operator: Operator;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, number>>;
}

/** One input of rows × width, one output of rows × columns; nodes in the order of their computation. */
export interface Graph {
  readonly name: string;
  readonly input: { readonly name: string; readonly width: number };
  readonly output: { readonly name: string; readonly columns: number };
  readonly constants: ReadonlyMap<string, Tensor>;
  readonly nodes: readonly GraphNode[];
}

/** Names the values of a graph while it grows. */
export class GraphBuilder {
  readonly input = 'values';
  private readonly constants = new Map<string, Tensor>();
  private readonly nodes: GraphNode[] = [];

  /** @param values as many as the shape holds, row by row */
  constant(
    shape: readonly number[],
    values: Iterable<number>,
    type: Tensor['type'] = 'float32',
  ): string {
    const name = `c${this.constants.size}`;
    const held = [...values];
    const size = shape.reduce((product, length) => product * length, 1);
    if (held.length !== size) {
      throw new RangeError(
        `a constant of [${shape.join(', ')}] needs ${size} values, got ${held.length}`,
      );
    }
    this.constants.set(name, { type, shape, values: held });
    return name;
  }

  scalar(value: number): string {
    return this.constant([], [value]);
  }

  /** @returns the name of the operator's first output */
  add(
    operator: Operator,
    inputs: readonly string[],
    attributes: Readonly<Record<string, number>> = {},
  ): string {
    return this.addMany(operator, inputs, 1, attributes)[0] as string;
  }

  /** @returns the names of the operator's outputs */
  addMany(
    operator: Operator,
    inputs: readonly string[],
    outputs: number,
    attributes: Readonly<Record<string, number>> = {},
  ): readonly string[] {
    const names = Array.from({ length: outputs }, (_, index) => `n${this.nodes.length}_${index}`);
    this.nodes.push({ operator, inputs, outputs: names, attributes });
    return names;
  }

  /** The columns from `start` up to and without `end`. */
  slice(input: string, start: number, end: number): string {
    const bounds = [start, end, 1].map((value) => this.constant([1], [value], 'int64'));
    return this.add('Slice', [input, ...bounds]);
  }

  /** Ends the graph with the probabilities of two labels, from the logit of the first. */
  finishWithLogit(name: string, width: number, logit: string): Graph {
    const both = this.add('Mul', [logit, this.constant([2], [1, -1])]);
    return this.finish(name, width, 2, this.add('Sigmoid', [both]));
  }

  /** Ends the graph: `scores` is made of the named value of rows × columns. */
  finish(name: string, width: number, columns: number, scores: string): Graph {
    const rename = (value: string) => (value === scores ? 'scores' : value);
    return {
      name,
      input: { name: this.input, width },
      output: { name: 'scores', columns },
      constants: this.constants,
      nodes: this.nodes.map((node) => ({
        ...node,
        inputs: node.inputs.map(rename),
        outputs: node.outputs.map(rename),
      })),
    };
  }
}
