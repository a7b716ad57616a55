// The packages of npm that are shipped, as their own manifests tell.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Module } from './control.ts';

/**
 * In the order of their names.
 * @param folder a node_modules
 * @param place where it will lie on the machine
 */
export function listModules(folder: string, place: string): Module[] {
  const isManifest = /(^|node_modules\/)(@[^/]+\/)?[^/]+\/package\.json$/;
  return (readdirSync(folder, { recursive: true }) as string[])
    .filter((path) => isManifest.test(path))
    .map((path) => describe(folder, dirname(path), place))
    .toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license?: unknown;
  readonly author?: string | { readonly name?: string };
}

function describe(folder: string, path: string, place: string): Module {
  const manifest = JSON.parse(readFileSync(join(folder, path, 'package.json'), 'utf8')) as Manifest;
  const { author, license, name, version } = manifest;
  const file = readdirSync(join(folder, path)).find((each) => /^(licen[cs]e|copying)/i.test(each));
  return {
    name,
    version,
    license: typeof license === 'string' ? license : 'see its package.json',
    author: (typeof author === 'string' ? author : author?.name) ?? null,
    licenseFile: file === undefined ? null : `${place}/${path}/${file}`,
  };
}
