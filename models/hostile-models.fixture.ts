// ONNX models that harm what loads or runs them; each is small and within the format.
import {
  externalTensor,
  floatsAttribute,
  graph,
  graphAttribute,
  int64Tensor,
  intAttribute,
  linearModel,
  localFunction,
  model,
  node,
  tensor,
  tensorAttribute,
  value,
} from './onnx-models.fixture.ts';
import { bytesField, concat, varintField } from './protobuf.ts';

const io = { inputs: [value('x', ['rows', 4])], outputs: [value('y', ['rows', 2])] };

/** Local functions, each of which calls the one before: onnxruntime crashes while it loads them. */
export function nestedFunctions(count: number): Uint8Array {
  const functions = Array.from({ length: count }, (_, index) =>
    localFunction(`f${index}`, [
      index === 0
        ? node('Identity', ['x'], ['y'])
        : node(`f${index - 1}`, ['x'], ['y'], [], 'local'),
    ]),
  );
  const call = node(`f${count - 1}`, ['x'], ['y'], [], 'local');
  return model({ nodes: [call], inputs: io.inputs, outputs: [value('y', ['rows', 4])] }, functions);
}

/** A loop that goes on for as long as it is let: its condition is never false. */
export function endlessLoop(): Uint8Array {
  const body = graph({
    nodes: [node('Identity', ['go'], ['goOn']), node('Identity', ['v'], ['w'])],
    inputs: [value('i', [], 7), value('go', [], 9), value('v', ['rows', 2])],
    outputs: [value('goOn', [], 9), value('w', ['rows', 2])],
  });
  const yes = concat([varintField(2, 9), bytesField(8, 'yes'), bytesField(9, Uint8Array.of(1))]);
  return model({
    nodes: [
      node('MatMul', ['x', 'w0'], ['v0']),
      node('Loop', ['', 'yes', 'v0'], ['y'], [graphAttribute('body', body)]),
    ],
    initializers: [yes, tensor('w0', [4, 2], [1, 0, 0, 1, 1, 0, 0, 1])],
    ...io,
  });
}

/** A constant of so many floats, which takes a few bytes to ask for. */
export function hugeTensor(elements: number): Uint8Array {
  return model({
    nodes: [
      node('ConstantOfShape', ['n'], ['huge'], [tensorAttribute('value', tensor('', [1], [1]))]),
      node('ReduceMean', ['huge'], ['mean']),
      node('MatMul', ['x', 'w'], ['z']),
      node('Mul', ['z', 'mean'], ['s']),
      node('Softmax', ['s'], ['y']),
    ],
    initializers: [
      int64Tensor('n', [1], [elements]),
      tensor('w', [4, 2], [1, 0, 0, 1, 1, 0, 0, 1]),
    ],
    ...io,
  });
}

/** Takes memory by what it is asked: nothing for zeros, so many floats for ones. */
export function growingTensor(elements: number): Uint8Array {
  return model({
    nodes: [
      node('ReduceMax', ['x'], ['most']),
      node('Mul', ['most', 'k'], ['wanted']),
      node('Reshape', ['wanted', 'one'], ['flat']),
      node('Cast', ['flat'], ['n'], [intAttribute('to', 7)]),
      node('ConstantOfShape', ['n'], ['zeros']),
      node('ReduceSum', ['zeros'], ['zero']),
      node('MatMul', ['x', 'w'], ['z']),
      node('Add', ['z', 'zero'], ['s']),
      node('Softmax', ['s'], ['y']),
    ],
    initializers: [
      tensor('k', [1], [elements]),
      int64Tensor('one', [1], [1]),
      tensor('w', [4, 2], [1, 0, 0, 1, 1, 0, 0, 1]),
    ],
    ...io,
  });
}

/** Multiplies large matrices over and over: no loop, and yet minutes. */
export function slowModel(): Uint8Array {
  const size = 1500;
  const nodes = [
    node('ReduceMean', ['x'], ['m']),
    node('Expand', ['m', 'shape'], ['a0']),
    ...Array.from({ length: 2000 }, (_, index) =>
      node('MatMul', [`a${index}`, `a${index}`], [`a${index + 1}`]),
    ),
    node('ReduceMean', ['a2000'], ['mean']),
    node('MatMul', ['x', 'w'], ['z']),
    node('Mul', ['z', 'mean'], ['y']),
  ];
  return model({
    nodes,
    initializers: [
      int64Tensor('shape', [2], [size, size]),
      tensor('w', [4, 2], [1, 0, 0, 1, 1, 0, 0, 1]),
    ],
    ...io,
  });
}

export function nanWeights(): Uint8Array {
  return linearModel(
    [
      [Number.NaN, 0],
      [0, 1],
      [1, 0],
      [0, 1],
    ],
    { activation: 'Softmax' },
  );
}

/** The weights are said to stand in another file. */
export function externalWeights(path: string): Uint8Array {
  return model({
    nodes: [node('MatMul', ['x', 'w'], ['z']), node('Softmax', ['z'], ['y'])],
    initializers: [externalTensor('w', [4, 2], path)],
    ...io,
  });
}

/** The same, hidden in the graph of an attribute. */
export function nestedExternalWeights(path: string): Uint8Array {
  const branch = graph({
    nodes: [node('Constant', [], ['w'], [tensorAttribute('value', externalTensor('', [1], path))])],
    outputs: [value('w', [1])],
  });
  const attributes = [graphAttribute('then_branch', branch), graphAttribute('else_branch', branch)];
  return model({ nodes: [node('If', ['c'], ['y'], attributes)], ...io });
}

/** Graphs within graphs. */
export function deepSubgraphs(depth: number): Uint8Array {
  let inner = graph({ nodes: [node('Identity', ['x'], ['y'], [floatsAttribute('f', [1])])] });
  for (let level = 1; level < depth; level += 1) {
    inner = graph({ nodes: [node('If', ['c'], ['y'], [graphAttribute('then_branch', inner)])] });
  }
  return model({
    nodes: [node('If', ['c'], ['y'], [graphAttribute('then_branch', inner)])],
    ...io,
  });
}
