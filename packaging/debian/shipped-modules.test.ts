import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { isShipped } from './shipped-modules.ts';

const NATIVE = {
  amd64: [
    '@cbor-extract/cbor-extract-linux-x64/node.napi.glibc.node',
    '@koromix/koffi-linux-x64/linux_x64/koffi.node',
    'classic-level/prebuilds/linux-x64/classic-level.node',
    'onnxruntime-node/bin/napi-v6/linux/x64/libonnxruntime.so.1',
    'onnxruntime-node/bin/napi-v6/linux/x64/onnxruntime_binding.node',
  ],
  arm64: [
    '@cbor-extract/cbor-extract-linux-arm64/node.napi.glibc.node',
    '@koromix/koffi-linux-arm64/linux_arm64/koffi.node',
    'classic-level/prebuilds/linux-arm64/classic-level.armv8.node',
    'onnxruntime-node/bin/napi-v6/linux/arm64/libonnxruntime.so.1',
    'onnxruntime-node/bin/napi-v6/linux/arm64/onnxruntime_binding.node',
  ],
} as const;
const OTHER_MACHINES = [
  '@koromix/koffi-linux-x64/musl_x64/koffi.node',
  '@cbor-extract/cbor-extract-linux-arm64/node.napi.musl.node',
  'classic-level/prebuilds/linux-x64/classic-level.musl.node',
  'classic-level/prebuilds/linux-arm/classic-level.armv7.node',
  'classic-level/prebuilds/android-arm64/classic-level.armv8.node',
  'classic-level/prebuilds/darwin-x64+arm64/classic-level.node',
  'classic-level/prebuilds/win32-x64/classic-level.node',
  'onnxruntime-node/bin/napi-v6/darwin/arm64/libonnxruntime.1.dylib',
  'onnxruntime-node/bin/napi-v6/win32/arm64/onnxruntime.dll',
];

describe('the modules of a package', () => {
  it.each(['amd64', 'arm64'] as const)(
    '%s takes the machine code of that machine alone',
    (name) => {
      const other = name === 'amd64' ? 'arm64' : 'amd64';
      const all = [...NATIVE.amd64, ...NATIVE.arm64, ...OTHER_MACHINES];
      expect(all.filter((path) => isShipped(path, name))).toEqual(NATIVE[name]);
      expect(NATIVE[other].some((path) => isShipped(path, name))).toBe(false);
    },
  );

  it.each([
    'mqtt/package.json',
    'mqtt/build/index.js',
    'typebox/license',
    'typebox/package.json',
    'koffi/src/koffi/index.js',
    'koffi/LICENSE.txt',
    'bl/LICENSE.md',
    'koffi/package.json',
    'onnxruntime-node/dist/index.js',
    'onnxruntime-common/dist/cjs/index.js',
    '@tensorflow/tfjs-core/package.json',
    '@tensorflow/tfjs-core/dist/tf-core.node.js',
    '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm',
    'cbor-x/node-index.js',
    'tr46/lib/mappingTable.json',
    'pino/node_modules/ws/index.js',
  ])('keep %s, which Node or the law asks for', (path) => {
    expect(isShipped(path, 'amd64')).toBe(true);
  });

  it.each([
    '.package-lock.json',
    '.bin/tsc',
    '@types/long/index.d.ts',
    '@webgpu/types/dist/index.d.ts',
    'mqtt/README.md',
    'typebox/build/index.mjs',
    'global-agent/dist/index.js',
    'mqtt/dist/mqtt.min.js',
    'mqtt/build/index.js.map',
    'mqtt/build/index.d.ts',
    'koffi/vendor/node-api-headers/include/node_api.h',
    'koffi/src/koffi/src/call.cc',
    'classic-level/deps/leveldb/leveldb-1.20/db/db_impl.cc',
    'pino/test/basic.test.js',
    'pino/node_modules/ws/test/ws.js',
    '@tensorflow/tfjs-core/dist/index.js',
    '@tensorflow/tfjs-core/dist/tf-core.min.js',
    '@tensorflow/tfjs-core/dist/tf-core.node.js.map',
    'pino/.github/workflows/ci.yml',
  ])('leave %s out', (path) => {
    expect(isShipped(path, 'amd64')).toBe(false);
  });
});

interface Lock {
  readonly packages: Readonly<
    Record<
      string,
      {
        readonly dependencies?: Readonly<Record<string, string>>;
        readonly optionalDependencies?: Readonly<Record<string, string>>;
      }
    >
  >;
}
const LOCK = fileURLToPath(new URL('../../package-lock.json', import.meta.url));
const { packages } = JSON.parse(readFileSync(LOCK, 'utf8')) as Lock;

/** Where Node finds a package that another one asks for. */
function resolve(from: string, name: string): string | undefined {
  for (let at = from; ; at = at.replace(/\/?node_modules\/(@[^/]+\/)?[^/]+$/, '')) {
    const path = `${at === '' ? '' : `${at}/`}node_modules/${name}`;
    if (path in packages) return path;
    if (at === '') return undefined;
  }
}

/** Every package that the production dependencies need, by its path in the lock file. */
function production(isNeeded: (from: string, name: string) => boolean): Set<string> {
  const found = new Set<string>();
  const visit = (from: string) => {
    const { dependencies, optionalDependencies } = packages[from] ?? {};
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
      const path = isNeeded(from, name) ? resolve(from, name) : undefined;
      if (path === undefined || found.has(path)) continue;
      found.add(path);
      visit(path);
    }
  };
  visit('');
  return found;
}

describe('the packages that are left out', () => {
  it('are those that nothing but the install script of onnxruntime-node needs', () => {
    const ofScript = ['adm-zip', 'global-agent'];
    const all = [...production(() => true)];
    const kept = production(
      (from, name) => from !== 'node_modules/onnxruntime-node' || !ofScript.includes(name),
    );
    const leftOut = all.filter((path) => !path.startsWith('node_modules/@types/'));
    const isLeftOut = (path: string) => !isShipped(`${path}/package.json`, 'amd64');
    const unneeded = leftOut.filter((path) => !kept.has(path));
    expect(unneeded.length).toBeGreaterThan(0);
    expect(
      leftOut.filter((path) => isLeftOut(path) && !path.includes('/@webgpu/')).toSorted(),
    ).toEqual(unneeded.toSorted());
  });

  it('are asked for by no code of onnxruntime-node that runs', () => {
    const folder = new URL('../../node_modules/onnxruntime-node/dist/', import.meta.url);
    for (const file of ['index.js', 'backend.js', 'binding.js', 'version.js']) {
      const asked = readFileSync(new URL(file, folder), 'utf8').matchAll(
        /require\([`"']([^.][^`"']*)/g,
      );
      for (const [, name] of asked)
        expect(['onnxruntime-common', 'worker_threads']).toContain(name);
    }
  });
});
