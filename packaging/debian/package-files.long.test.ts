// What is in the packages: the same bytes from the same commit, and machine code for one machine alone.
import { execFileSync, spawnSync } from 'node:child_process';
import { openSync, readFileSync, readSync, closeSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cleanUp, makeFolder } from '../../cli/run-cli.fixture.ts';
import { ARCHITECTURES, type Architecture } from './architectures.ts';
import { buildPackages, builtPackage, unpack } from './built-packages.fixture.ts';
import { filesBelow } from './tree.ts';

const NATIVE_MODULES = ['cbor-extract', 'classic-level', 'koffi', 'onnxruntime_binding'];
/** What control asks for: libc6 2.28, and the symbols that libstdc++6 of GCC 7 has. */
const NEWEST = { GLIBC: '2.28', GLIBCXX: '3.4.24', CXXABI: '1.3.11' };
const LONG_MS = 1_800_000;

let files: Record<Architecture, string>;
let trees: Record<Architecture, string>;

beforeAll(() => {
  files = { amd64: builtPackage('amd64'), arm64: builtPackage('arm64') };
  const at = (name: Architecture) => unpack(files[name], join(makeFolder(), name));
  trees = { amd64: at('amd64'), arm64: at('arm64') };
}, LONG_MS);
afterAll(cleanUp);

const names = Object.keys(ARCHITECTURES) as Architecture[];
const isElf = (path: string) => {
  const file = openSync(path, 'r');
  const magic = Buffer.alloc(4);
  readSync(file, magic);
  closeSync(file);
  return magic.equals(Buffer.from('\x7fELF'));
};
const elfFiles = (name: Architecture) =>
  filesBelow(trees[name]).filter((path) => isElf(join(trees[name], path)));
const readelf = (name: Architecture, flag: string, path: string) =>
  execFileSync('readelf', ['--wide', flag, join(trees[name], path)], { encoding: 'utf8' });

describe('the packages', () => {
  it('are the same, bit for bit, when somebody else builds them again', () => {
    const elsewhere = { TZ: 'Asia/Tokyo', LC_ALL: 'C', HOME: makeFolder() };
    const [again = ''] = buildPackages(makeFolder(), ['arm64'], elsewhere);
    expect(readFileSync(again).equals(readFileSync(files.arm64))).toBe(true);
  });

  it.each(names)('%s has machine code for that machine alone, and all of it', (name) => {
    const found = elfFiles(name);
    for (const path of found) {
      expect(readelf(name, '--file-header', path), path).toContain(ARCHITECTURES[name].elf);
    }
    for (const module of NATIVE_MODULES) {
      expect(found.filter((path) => path.includes(module)).length, module).toBeGreaterThan(0);
    }
    expect(filesBelow(trees[name]).filter((path) => /\.(dll|dylib|exe)$|musl/.test(path))).toEqual(
      [],
    );
  });

  it.each(names)('%s needs no newer libraries than it depends on', (name) => {
    const control = readFileSync(join(trees[name], 'DEBIAN', 'control'), 'utf8');
    expect(control).toContain('libc6 (>= 2.28), libgcc-s1, libstdc++6 (>= 7)');
    for (const path of elfFiles(name)) {
      for (const [, kind = '', version = ''] of readelf(name, '--version-info', path).matchAll(
        /Name: (GLIBC|GLIBCXX|CXXABI)_([0-9.]+)/g,
      )) {
        const newest = NEWEST[kind as keyof typeof NEWEST];
        const order = version.localeCompare(newest, 'en', { numeric: true });
        expect(order, `${path}: ${kind}_${version}`).toBeLessThanOrEqual(0);
      }
    }
  });

  it.each(names)('%s has nothing that lintian complains of', (name) => {
    const root = process.getuid?.() === 0 ? ['--allow-root'] : [];
    const { status, stdout } = spawnSync('lintian', [...root, files[name]], { encoding: 'utf8' });
    expect([stdout, status]).toEqual(['', 0]);
  });
});
