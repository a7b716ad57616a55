// Changed models: each is put under its bundle's manifest with fresh digests, and must be refused or serve.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { BundleRefusedError } from '../models/bundle-refused.ts';
import type { Manifest } from '../models/manifest.ts';
import { writeBundle } from '../models/write-bundle.ts';
import { loadModel } from './load-model.ts';

export interface MutationOutcome {
  refused: number;
  served: number;
}

/**
 * Writes a bundle of changed files, loads it as an agent would, and classifies with it if it is let in.
 * Anything but a refusal or finite scores fails the test.
 */
export async function tryMutant(
  manifest: Manifest,
  files: ReadonlyMap<string, Uint8Array>,
  outcome: MutationOutcome,
): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'echolot-mutant-'));
  try {
    const { schema: _, files: __, ...rest } = manifest;
    await writeBundle(directory, { manifest: rest, files });
    const classifier = await loadModel({ directory });
    const { width, minimum, maximum } = classifier.limits;
    for (const value of [minimum, maximum, (minimum + maximum) / 2]) {
      const scores = await classifier
        .classify(new Float32Array(width).fill(value), 1)
        .catch(() => new Float32Array());
      expect([...scores].every((score) => score >= 0 && score <= 1)).toBe(true);
    }
    outcome.served += 1;
    await classifier.close();
  } catch (error) {
    if (!(error instanceof BundleRefusedError)) throw error;
    outcome.refused += 1;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** A generator that gives the same numbers for the same seed (mulberry32). */
export function createRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

/** Flips, cuts, repeats, zeroes or inserts bytes, half of the time near the front. */
export function mutateBytes(bytes: Uint8Array, random: (below: number) => number): Uint8Array {
  const at = random(random(2) === 0 ? Math.min(bytes.length, 400) : bytes.length);
  const end = Math.min(bytes.length, at + 1 + random(64));
  const head = bytes.subarray(0, at);
  switch (random(8)) {
    case 1:
      return head;
    case 2:
      return Buffer.concat([head, bytes.subarray(at, end), bytes.subarray(at)]);
    case 3:
      return bytes.slice().fill(0, at, end);
    case 4:
      return Buffer.concat([
        head,
        Uint8Array.from({ length: 1 + random(8) }, () => random(256)),
        bytes.subarray(at),
      ]);
    default: {
      const changed = bytes.slice();
      const places = 1 + random(4);
      for (let place = 0; place < places; place += 1) {
        changed[(at + random(16)) % changed.length] = random(256);
      }
      return changed;
    }
  }
}

const STRANGE = [
  null,
  -1,
  0,
  1e9,
  2 ** 31,
  1.5,
  '',
  '../weights.bin',
  'constructor',
  '__proto__',
  [],
  {},
  true,
  'Loop',
  'While',
];

/** Replaces, removes or repeats one value somewhere in a JSON document. */
export function mutateJson(bytes: Uint8Array, random: (below: number) => number): Uint8Array {
  const root = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
  const places: [Record<string, unknown>, string][] = [];
  const visit = (value: unknown) => {
    if (typeof value !== 'object' || value === null) return;
    const container = value as Record<string, unknown>;
    for (const key of Object.keys(container)) {
      places.push([container, key]);
      visit(container[key]);
    }
  };
  visit(root);
  const [container, key] = places[random(places.length)] as [Record<string, unknown>, string];
  const action = random(4);
  if (action === 0) delete container[key];
  else if (action === 1 && Array.isArray(container)) container.push(container[Number(key)]);
  else container[key] = STRANGE[random(STRANGE.length)];
  return new TextEncoder().encode(JSON.stringify(root));
}
