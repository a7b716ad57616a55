// What the image holds: the compiled code, the models, and the production dependencies of this machine.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ARCHITECTURES, type Architecture } from '../debian/architectures.ts';
import { installModules } from '../debian/install-modules.ts';
import { isShipped } from '../debian/shipped-modules.ts';
import { copyTree } from '../debian/tree.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SHIPPED = ['package.json', 'LICENSE', 'models/sonar', 'models/sonar-baseline'];

const [out] = process.argv.slice(2);
if (out === undefined) throw new Error('usage: tsx packaging/container/stage.ts FOLDER');
stage(out, thisMachine());

function thisMachine(): Architecture {
  const names = Object.keys(ARCHITECTURES) as Architecture[];
  const name = names.find((each) => ARCHITECTURES[each].node === process.arch);
  if (name) return name;
  throw new Error(`there is no onnxruntime-node for ${process.arch}: build on x64 or arm64`);
}

/** Fills a folder that is not there yet. */
function stage(folder: string, architecture: Architecture): void {
  copyTree(join(ROOT, 'dist'), join(folder, 'dist'), (path) => !path.endsWith('.d.ts'));
  const work = mkdtempSync(join(tmpdir(), 'echolot-modules-'));
  try {
    const modules = installModules(ROOT, work, architecture);
    copyTree(modules, join(folder, 'node_modules'), (path) => isShipped(path, architecture));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  for (const path of SHIPPED) copyTree(join(ROOT, path), join(folder, path));
}
