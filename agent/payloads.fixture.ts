// For tests: an endless supply of payloads, good, bad and mutated, the same for the same seed.
import { encodeCbor } from '../schemas/cbor.ts';
import { VALUES } from './serving.fixture.ts';

/** mulberry32: small, seeded, good enough to choose payloads. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export function* payloads(count: number, seed: number): Generator<Buffer> {
  const random = randomOf(seed);
  const pick = <Item>(items: readonly Item[]) => items[Math.floor(random() * items.length)] as Item;
  const bytes = (length: number) => Buffer.from(Array.from({ length }, () => random() * 256));
  const typed = Float32Array.from([...VALUES, ...VALUES]);
  const good = [
    Buffer.from(JSON.stringify({ id: 'json', values: VALUES })),
    Buffer.from(JSON.stringify({ id: 'batch', values: [VALUES, VALUES, VALUES] })),
    encodeCbor({ id: 'cbor', values: VALUES }),
    encodeCbor({ id: 'typed', values: typed }),
    Buffer.from(JSON.stringify({ id: 'late', values: VALUES, deadline: '2020-01-01T00:00:00Z' })),
  ];
  const odd = [
    '',
    '{',
    '[]',
    'null',
    '{"id":"x"}',
    '{"id":1,"values":[]}',
    `{"id":"deep","values":${'['.repeat(5000)}`,
    `{"id":"${'x'.repeat(10_000)}","values":[1]}`,
    `{"id":"big","values":[${'1e999,'.repeat(59)}1]}`,
    `{"__proto__":{"id":"p"},"id":"p","values":[${'0,'.repeat(59)}0]}`,
  ].map((text) => Buffer.from(text));
  for (let index = 0; index < count; index += 1) {
    const kind = random();
    if (kind < 0.2) yield pick(good);
    else if (kind < 0.3) yield pick(odd);
    else if (kind < 0.4) yield bytes(Math.floor(random() * 300));
    else if (kind < 0.5)
      yield Buffer.concat([Buffer.of(0xa0 + Math.floor(random() * 32)), bytes(40)]);
    else yield mutate(pick(good), random);
  }
}

/** Flips, cuts, doubles or swaps a few bytes. */
function mutate(source: Buffer, random: () => number): Buffer {
  let bytes = Buffer.from(source);
  for (let times = 1 + Math.floor(random() * 4); times > 0; times -= 1) {
    const at = Math.floor(random() * bytes.length);
    const kind = random();
    if (kind < 0.5) bytes[at] = Math.floor(random() * 256);
    else if (kind < 0.7) bytes = bytes.subarray(0, at);
    else if (kind < 0.9) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at >> 1)]);
    else bytes = Buffer.concat([bytes.subarray(at), bytes.subarray(0, at)]);
  }
  return Buffer.from(bytes);
}
