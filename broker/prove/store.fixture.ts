// For tests: folders for stores, which are removed afterwards.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const folders: string[] = [];

export async function makeStore(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'echolot-prove-'));
  folders.push(folder);
  return join(folder, 'store');
}

export async function removeStores(): Promise<void> {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
}
