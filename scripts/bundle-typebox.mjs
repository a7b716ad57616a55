// One file in the place of TypeBox' seven hundred: reading those took 0.3 s of every start.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const SPECIFIER = /(\bfrom )(['"])typebox(?:\/compile)?\2/g;
const ENTRY = `export { default, Type } from 'typebox'; export { Compile } from 'typebox/compile';`;

/**
 * Writes `typebox.js` into a folder of compiled modules, and lets all of them import that. Declarations keep the package.
 * @throws {Error} where a module imports TypeBox in another way
 */
export async function bundleTypebox(folder) {
  const root = fileURLToPath(new URL('..', import.meta.url));
  const target = join(folder, 'typebox.js');
  const license = readFileSync(join(root, 'node_modules/typebox/license'), 'utf8').trim();
  for (const name of readdirSync(folder, { recursive: true })) {
    if (!name.endsWith('.js')) continue;
    const path = join(folder, name);
    const text = readFileSync(path, 'utf8');
    const here = relative(dirname(path), target);
    const own = here.startsWith('.') ? here : `./${here}`;
    const bundled = text.replace(SPECIFIER, (_, from, quote) => `${from}${quote}${own}${quote}`);
    if (/(\bfrom |\bimport\s*\(?\s*)['"]typebox[/'"]/.test(bundled)) {
      throw new Error(`${path} imports TypeBox otherwise than from 'typebox' or 'typebox/compile'`);
    }
    if (bundled !== text) writeFileSync(path, bundled);
  }
  await build({
    stdin: { contents: ENTRY, resolveDir: root },
    outfile: target,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    minify: true,
    banner: { js: `/*\n${license}\n*/` },
    logLevel: 'error',
  });
}
