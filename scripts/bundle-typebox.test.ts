import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bundleTypebox } from './bundle-typebox.mjs';

const CHECK = `import Type, { Type as Same } from "typebox";
import { Compile } from 'typebox/compile';
export const isText = (value) => Compile(Type.Object({ text: Same.String() })).Check(value);
`;

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'echolot-bundle-'));
  await mkdir(join(folder, 'schemas'));
});
afterEach(() => rm(folder, { recursive: true }));

const write = (name: string, text: string) => writeFile(join(folder, name), text);

describe('the bundle of TypeBox', () => {
  it('is what all modules of the folder import, wherever they lie', async () => {
    await write('package.json', '{ "type": "module" }');
    await write('top.js', CHECK);
    await write('schemas/deep.js', CHECK);
    await bundleTypebox(folder);
    for (const name of ['top.js', 'schemas/deep.js']) {
      const module = (await import(pathToFileURL(join(folder, name)).href)) as {
        isText(value: unknown): boolean;
      };
      expect(module.isText({ text: 'yes' })).toBe(true);
      expect(module.isText({ text: 1 })).toBe(false);
    }
    expect(await readFile(join(folder, 'schemas/deep.js'), 'utf8')).toContain('"../typebox.js"');
  });

  it('carries the licence', async () => {
    await bundleTypebox(folder);
    expect(await readFile(join(folder, 'typebox.js'), 'utf8')).toContain('The MIT License');
  });

  it.each([`import 'typebox/value';`, `await import('typebox');`, `from 'typebox/value'`])(
    'is refused beside %s',
    async (text) => {
      await write('other.js', text);
      await expect(bundleTypebox(folder)).rejects.toThrow('other.js imports TypeBox otherwise');
    },
  );

  it('leaves declarations and other texts alone', async () => {
    const text = `import Type from 'typebox';`;
    await write('top.d.ts', text);
    await write('names.js', `export const name = 'typebox';`);
    await bundleTypebox(folder);
    expect(await readFile(join(folder, 'top.d.ts'), 'utf8')).toBe(text);
    expect(await readFile(join(folder, 'names.js'), 'utf8')).toContain(`'typebox'`);
  });
});
