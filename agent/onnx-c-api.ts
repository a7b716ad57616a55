// The C interface of the library that onnxruntime-node ships: functions by their place, objects with their end.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { LibraryHandle } from 'koffi';

/** Of the library, or of memory that it is given. */
export type Pointer = bigint;
/** What most of its functions return: none where all went well. */
export type Status = Pointer | null;
type Call = (...args: readonly unknown[]) => unknown;

/**
 * Places in `struct OrtApi` of onnxruntime_c_api.h. Functions keep their places for good, and whoever asks for
 * version 1 gets these from every later library.
 */
const API_VERSION = 1;
const GET_API = 0;
export const PLACE = {
  getErrorMessage: 2,
  createEnv: 3,
  createSessionFromArray: 8,
  run: 9,
  createSessionOptions: 10,
  setSessionLogSeverityLevel: 22,
  setGraphOptimizationLevel: 23,
  setIntraOpNumThreads: 24,
  setInterOpNumThreads: 25,
  createTensorWithData: 49,
  createCpuMemoryInfo: 69,
  releaseEnv: 92,
  releaseStatus: 93,
  releaseMemoryInfo: 94,
  releaseSession: 95,
  releaseValue: 96,
  releaseSessionOptions: 100,
} as const;

const POINTER_BYTES = 8;
const FILES = ['libonnxruntime.so.1', 'libonnxruntime.1.dylib', 'onnxruntime.dll'];

/** Kept for good: koffi unloads a library that nobody holds. */
let library: LibraryHandle | null = null;
/** The structure of its functions. */
let api: Pointer | null = null;
/** By place. Kept too, since koffi forgets no type. */
const functions = new Map<number, Call>();

/** Calls of the library; what is created or allocated lasts until `close`. */
export interface OnnxCApi {
  /** The function at a place, with the types of what it takes, in the words of koffi. */
  function(place: number, result: string, parameters: readonly string[]): Call;
  /** @throws {Error} with the library's message */
  check(status: Status): void;
  releaseStatus(status: Status): void;
  /** Calls what gives back an object in its last argument. */
  create(
    place: number,
    releasePlace: number,
    parameters: readonly string[],
    args: readonly unknown[],
  ): Pointer;
  /** Memory outside of V8's heap, which nothing moves, and the view of it from here. */
  allocate(bytes: number): { readonly pointer: Pointer; readonly view: ArrayBuffer };
  close(): void;
}

/** @throws {Error} where there is no such library, or it has no such interface */
export async function openOnnxCApi(): Promise<OnnxCApi> {
  const { default: koffi } = await import('koffi');
  library ??= koffi.load(libraryPath());
  const functionAt = (
    structure: Pointer,
    place: number,
    result: string,
    types: readonly string[],
  ) => {
    const type = koffi.proto(result, [...types]);
    const pointer: unknown = koffi.decode(structure, place * POINTER_BYTES, koffi.pointer(type));
    return koffi.decode(pointer, type) as Call;
  };
  if (!api) {
    const base = library.func('void *OrtGetApiBase()')() as Pointer;
    api = functionAt(base, GET_API, 'void *', ['uint32_t'])(API_VERSION) as Pointer | null;
    if (!api) throw new Error(`onnxruntime has no C interface of version ${API_VERSION}`);
  }
  const structure = api;
  const at: OnnxCApi['function'] = (place, result, types) => {
    const known = functions.get(place) ?? functionAt(structure, place, result, types);
    functions.set(place, known);
    return known;
  };
  const messageOf = at(PLACE.getErrorMessage, 'const char *', ['void *']);
  const releaseStatus = at(PLACE.releaseStatus, 'void', ['void *']);
  const ends: (() => void)[] = [];
  const check = (status: Status) => {
    if (!status) return;
    const message = String(messageOf(status));
    releaseStatus(status);
    throw new Error(message);
  };
  return {
    function: at,
    check,
    releaseStatus,
    create(place, releasePlace, parameters, args) {
      const made: [Pointer | null] = [null];
      check(at(place, 'void *', [...parameters, '_Out_ void **'])(...args, made) as Status);
      const end = at(releasePlace, 'void', ['void *']);
      ends.push(() => end(made[0]));
      return made[0] as Pointer;
    },
    allocate(bytes) {
      const pointer = koffi.alloc('uint8_t', bytes) as Pointer;
      ends.push(() => koffi.free(pointer));
      return { pointer, view: koffi.view(pointer, bytes) };
    },
    close() {
      for (const end of ends.splice(0).toReversed()) end();
    },
  };
}

/** The file that the package has loaded already: loading it again gives the same library. */
function libraryPath(): string {
  const entry = createRequire(import.meta.url).resolve('onnxruntime-node');
  const folder = join(entry, '../../bin/napi-v6', process.platform, process.arch);
  const path = FILES.map((name) => join(folder, name)).find((name) => existsSync(name));
  if (path === undefined) throw new Error(`no library of onnxruntime in ${folder}`);
  return path;
}
