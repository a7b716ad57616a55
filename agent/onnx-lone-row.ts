// The short way of a lone row through an ONNX graph: a session on memory that is bound once.
import { type OnnxCApi, openOnnxCApi, PLACE, type Pointer, type Status } from './onnx-c-api.ts';

/** A tensor of the graph by its name, of one fixed size. */
interface Bound {
  readonly name: string;
  readonly dims: readonly number[];
}

export interface LoneRow {
  /**
   * @param values as many as the input has
   * @returns the output, which the next run overwrites; null where the run failed, or it is closed
   */
  run(values: Float32Array): Float32Array | null;
  close(): void;
}

const FATAL_ONLY = 4;
const OPTIMIZE_ALL = 99;
const DEVICE_ALLOCATOR = 0;
const DEFAULT_MEMORY = 0;
const FLOAT32 = 1;

/** Session, options, names and values of the inputs, how many, names of the outputs, how many, values. */
const RUN_PARAMETERS = [
  'void *',
  'void *',
  'void *',
  'void *',
  'size_t',
  'void *',
  'size_t',
  'void *',
];

/**
 * Makes a session of one thread for one row. The package makes new tensors for each run, and copies, names and
 * wraps them, which costs as much as a small model: docs/decisions/0006.
 * @param bytes the graph
 * @throws {Error} where the library cannot be called so, or does not take the graph
 */
export async function openLoneRow(
  bytes: Uint8Array,
  input: Bound,
  output: Bound,
): Promise<LoneRow> {
  const api = await openOnnxCApi();
  try {
    const session = createSession(api, bytes);
    const memory = api.create(
      PLACE.createCpuMemoryInfo,
      PLACE.releaseMemoryInfo,
      ['int', 'int'],
      [DEVICE_ALLOCATOR, DEFAULT_MEMORY],
    );
    const from = bind(api, memory, input);
    const to = bind(api, memory, output);
    const run = api.function(PLACE.run, 'void *', RUN_PARAMETERS) as (
      ...args: readonly unknown[]
    ) => Status;
    let isOpen = true;
    return {
      run(values) {
        // The memory is gone.
        if (!isOpen) return null;
        from.floats.set(values);
        const status = run(session, null, from.names, from.values, 1, to.names, 1, to.values);
        if (!status) return to.floats;
        api.releaseStatus(status);
        return null;
      },
      close() {
        isOpen = false;
        api.close();
      },
    };
  } catch (error) {
    api.close();
    throw error;
  }
}

/** With the options of the session that computes batches. */
function createSession(api: OnnxCApi, bytes: Uint8Array): Pointer {
  const { createEnv, createSessionFromArray, createSessionOptions } = PLACE;
  const env = api.create(createEnv, PLACE.releaseEnv, ['int', 'str'], [FATAL_ONLY, 'echolot']);
  const options = api.create(createSessionOptions, PLACE.releaseSessionOptions, [], []);
  for (const [place, value] of [
    [PLACE.setSessionLogSeverityLevel, FATAL_ONLY],
    [PLACE.setGraphOptimizationLevel, OPTIMIZE_ALL],
    [PLACE.setIntraOpNumThreads, 1],
    [PLACE.setInterOpNumThreads, 1],
  ] as const) {
    api.check(api.function(place, 'void *', ['void *', 'int'])(options, value) as Status);
  }
  const types = ['void *', 'void *', 'size_t', 'void *'];
  const args = [env, bytes, bytes.length, options];
  return api.create(createSessionFromArray, PLACE.releaseSession, types, args);
}

/** A tensor over memory of ours, with its name, each in a list of one. */
function bind(api: OnnxCApi, memory: Pointer, { dims, name }: Bound) {
  const size = dims.reduce((product, dim) => product * dim, 1);
  const data = api.allocate(size * Float32Array.BYTES_PER_ELEMENT);
  const tensor = api.create(
    PLACE.createTensorWithData,
    PLACE.releaseValue,
    ['void *', 'void *', 'size_t', 'int64_t *', 'size_t', 'int'],
    [memory, data.pointer, data.view.byteLength, [...dims], dims.length, FLOAT32],
  );
  const text = Buffer.from(`${name}\0`);
  const chars = api.allocate(text.length);
  new Uint8Array(chars.view).set(text);
  return {
    floats: new Float32Array(data.view),
    names: listOf(api, chars.pointer),
    values: listOf(api, tensor),
  };
}

function listOf(api: OnnxCApi, pointer: Pointer): Pointer {
  const list = api.allocate(BigUint64Array.BYTES_PER_ELEMENT);
  new BigUint64Array(list.view)[0] = pointer;
  return list.pointer;
}
