// Which files of node_modules an agent or broker reads on Debian: the rest is for builders, browsers and other machines.
import { ARCHITECTURES, type Architecture } from './architectures.ts';

/** Whole packages: types for compilers. */
const TYPES_ONLY = /^(@types|@webgpu)\//;
/** Whole packages: for the script with which onnxruntime-node downloads itself, which is never run. */
const INSTALLERS = new Set([
  'adm-zip',
  'define-data-property',
  'define-properties',
  'es-define-property',
  'es-errors',
  'escape-string-regexp',
  'global-agent',
  'globalthis',
  'gopd',
  'has-property-descriptors',
  'matcher',
  'object-keys',
  'semver',
  'serialize-error',
  'type-fest',
]);
/** At the top of a package: for its own developers. */
const DEVELOPERS =
  /^(tests?|__tests__|benchmarks?|examples?|docs?|deps|vendor|script|\.[^/]*)(\/|$)/;
/** Sources, source maps, types and prose. */
const SOURCES =
  /\.(map|[cm]?ts|flow|md|markdown|c|cc|cpp|h|hh|hpp|inc|s|asm|def|gypi?|cmake|yml|yaml|sh|html)$/i;
const BUILD_FILES = /(^|\/)(CMakeLists\.txt|Makefile|bower\.json|tsconfig[^/]*\.json|\.[^/]+)$/i;
/** What the law asks for goes with the code. */
const LEGAL = /^(licen[cs]e|notice|copying|authors|thirdpartynotices?)/i;
const NATIVE = /\.(node|dll|dylib|exe|so(\.[0-9]+)*)$/;

/**
 * By package: what of it is read, where the rules above leave more.
 * TensorFlow.js has eight builds of each part; Node reads one file, and the WASM ones beside it.
 */
const READ: readonly (readonly [name: RegExp, path: RegExp])[] = [
  [/^@tensorflow\//, /^(package\.json|dist\/[^/]+\.(node\.js|wasm))$/],
  [/^(mqtt|csv-parse)$/, /^(?!dist\/)/],
  [/^cbor-x$/, /^(?!dist\/(?!node\.cjs))/],
  [/^cbor-extract$/, /^(?!bin\/)/],
  [/^onnxruntime-(common|node)$/, /^(?!lib\/)/],
  // It is bundled into the compiled code; its terms stay.
  [/^typebox$/, /^package\.json$/],
  [/^koffi$/, /^(?!cnoke\.cjs|lib\/|src\/koffi\/src\/trampolines\.cjs)/],
];

/**
 * Whether a file is shipped.
 * @param path below `node_modules`
 */
export function isShipped(path: string, architecture: Architecture): boolean {
  const { name, rest } = split(path);
  if (rest === '' || TYPES_ONLY.test(name) || name.startsWith('.')) return false;
  if (INSTALLERS.has(name)) return false;
  const file = rest.slice(rest.lastIndexOf('/') + 1);
  if (LEGAL.test(file) && !rest.includes('/')) return true;
  if (DEVELOPERS.test(rest) || SOURCES.test(rest) || BUILD_FILES.test(rest)) return false;
  if (READ.some(([of, read]) => of.test(name) && !read.test(rest))) return false;
  return !NATIVE.test(file) || isNative(path, architecture);
}

/** Compiled for this machine and the C library of Debian. The folder or the name of the package tells. */
function isNative(path: string, architecture: Architecture): boolean {
  const { node } = ARCHITECTURES[architecture];
  const isHere = new RegExp(`(^|[-/_])linux[-/_]${node}(/|$)`).test(path);
  return isHere && !/musl/.test(path);
}

/** A package may have packages of its own: the last one counts. */
function split(path: string): { name: string; rest: string } {
  const own = path.split('node_modules/').at(-1) ?? path;
  const [, name = own, rest = ''] = /^((?:@[^/]+\/)?[^/]+)\/(.+)$/.exec(own) ?? [];
  return { name, rest };
}
