// The library as a user has it: installed under its name, typed, in a project of their own.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freePort } from '../bus/mosquitto.fixture.ts';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('..', import.meta.url));
const TSC = join(ROOT, 'node_modules/typescript/bin/tsc');

const PROGRAM = (port: number) => `
import { createClient, type ClassifyResult } from 'echolot/client';

const client = createClient({ url: 'mqtt://127.0.0.1:${port}', clientId: 'buoy-7' });
const result: ClassifyResult = await client.classify(new Float32Array(60), { timeoutMs: 300 });
if (result.ok) {
  const label: string = result.prediction.label;
  console.log(label);
} else {
  const code: string = result.problem.code;
  console.log(code);
}
await client.close();
`;

const WITH_OUTBOX = (port: number) => `
import { type Acceptance, createClient, OutboxError } from 'echolot/client';

const options = { url: 'mqtt://127.0.0.1:${port}', clientId: 'buoy-7', outbox: { folder: 'outbox' } };
const client = createClient({ ...options, onAnswer: ({ id }) => console.log(id) });
const taken: Acceptance = await client.publish({ id: 'r-1', values: new Float32Array(60) });
console.log(taken.ok ? taken.id : taken.problem.code, client.counts.outbox.kept);
const twin = createClient(options);
await twin.opened().catch((error) => console.log(error instanceof OutboxError && error.code));
await Promise.all([client.close(), twin.close()]);
`;

describe('echolot/client in a project of its user', () => {
  let folder: string;

  beforeEach(async () => {
    if (!existsSync(join(ROOT, 'dist/devices/client.js')))
      throw new Error('dist/ is not there: npm run build');
    folder = await mkdtemp(join(tmpdir(), 'echolot-user-'));
    await mkdir(join(folder, 'node_modules'));
    await symlink(ROOT, join(folder, 'node_modules/echolot'));
    await writeFile(join(folder, 'package.json'), '{"type":"module"}');
    const compilerOptions = {
      target: 'ES2022',
      module: 'NodeNext',
      strict: true,
      exactOptionalPropertyTypes: true,
      types: ['node'],
      typeRoots: [join(ROOT, 'node_modules/@types')],
      skipLibCheck: true,
    };
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions }));
  });

  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('compiles strictly, runs, and tells a problem as a value where there is no broker', async () => {
    await writeFile(join(folder, 'main.ts'), PROGRAM(await freePort()));
    await run(process.execPath, [TSC, '-p', folder]);
    const { stdout } = await run(process.execPath, [join(folder, 'main.js')]);
    expect(stdout).toBe('NOT_CONNECTED\n');
  });

  it('keeps a reading in an outbox, typed, without a broker', async () => {
    await writeFile(join(folder, 'main.ts'), WITH_OUTBOX(await freePort()));
    await run(process.execPath, [TSC, '-p', folder]);
    const { stdout } = await run(process.execPath, [join(folder, 'main.js')], { cwd: folder });
    expect(stdout).toBe('r-1 1\nOUTBOX_IN_USE\n');
  });

  it('is refused by the compiler where it is used wrongly', async () => {
    const wrong = PROGRAM(1883).replace('result.prediction.label', 'result.problem.code');
    await writeFile(join(folder, 'main.ts'), wrong);
    await expect(run(process.execPath, [TSC, '-p', folder])).rejects.toMatchObject({
      stdout: expect.stringContaining("Property 'problem' does not exist") as string,
    });
  });
});
