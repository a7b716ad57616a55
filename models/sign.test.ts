// Shows that a signed bundle is served only whole and unchanged, and that each fault is named.
import { createHash, createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { inFolder, writeTestBundle } from './bundle.fixture.ts';
import { digestOf, loadBundle } from './bundle.ts';
import { externalWeights } from './hostile-models.fixture.ts';
import { signBundle } from './sign.ts';
import { generateSigningKey, keyHint } from './signing-key.ts';
import { verifyBundle } from './verify.ts';
import { preAuthEncoding } from './verify-signature.ts';

interface Place {
  /** A signed bundle. */
  readonly bundle: string;
  readonly privateKey: string;
  readonly publicKey: string;
  /** A path beside the bundle. */
  readonly beside: (name: string) => string;
}

function withSigned<T>(test: (place: Place) => Promise<T>): Promise<T> {
  return inFolder(async (directory) => {
    const beside = (name: string) => join(directory, name);
    const bundle = beside('bundle');
    await writeTestBundle(bundle, { extra: new Map([['DATA.md', Buffer.from('# Data\n')]]) });
    const key = await generateSigningKey(beside('signing.pem'));
    await signBundle(bundle, key.privateKey);
    return test({ bundle, ...key, beside });
  });
}

/** Signs any statement with any key, as an attacker with a key might. */
async function forge(place: Place, edit: (statement: Record<string, unknown>) => void) {
  const path = join(place.bundle, 'model.sig');
  const envelope = JSON.parse(await readFile(path, 'utf8'));
  const statement = JSON.parse(Buffer.from(envelope.dsseEnvelope.payload, 'base64').toString());
  edit(statement);
  const payload = Buffer.from(JSON.stringify(statement));
  const key = await readFile(place.privateKey);
  envelope.dsseEnvelope.payload = payload.toString('base64');
  envelope.dsseEnvelope.signatures[0].sig = sign('sha256', preAuthEncoding(payload), key).toString(
    'base64',
  );
  await writeFile(path, JSON.stringify(envelope));
}

describe('making a key', () => {
  it('gives a private half for its owner alone, and a public half beside it', async () => {
    await inFolder(async (directory) => {
      const files = await generateSigningKey(join(directory, 'k.pem'));
      expect(files.publicKey).toBe(`${files.privateKey}.pub`);
      expect((await stat(files.privateKey)).mode & 0o777).toBe(0o600);
      expect(await readFile(files.privateKey, 'utf8')).toMatch(/^-----BEGIN PRIVATE KEY-----/);
      const pem = await readFile(files.publicKey, 'utf8');
      expect(createHash('sha256').update(pem).digest('hex')).toBe(files.hint);
      expect(createPublicKey(pem).asymmetricKeyDetails?.namedCurve).toBe('prime256v1');
    });
  });

  it('never overwrites a key', async () => {
    await inFolder(async (directory) => {
      const path = join(directory, 'k.pem');
      await generateSigningKey(path);
      const before = await readFile(path);
      await expect(generateSigningKey(path)).rejects.toMatchObject({ exitCode: 78 });
      expect(await readFile(path)).toEqual(before);
    });
  });
});

describe('a place for a key', () => {
  it('with an old public half is refused and left without half a pair', async () => {
    await inFolder(async (directory) => {
      const path = join(directory, 'k.pem');
      await writeFile(`${path}.pub`, 'old');
      await expect(generateSigningKey(path)).rejects.toThrow(`${path}.pub exists already`);
      expect(await readdir(directory)).toEqual(['k.pem.pub']);
    });
  });

  it('in a folder that is not there is told as that', async () => {
    await inFolder(async (directory) => {
      const folder = join(directory, 'none');
      await expect(generateSigningKey(join(folder, 'k.pem'))).rejects.toMatchObject({
        message: `${folder} does not exist`,
        remedy: expect.stringContaining('Make the folder'),
      });
    });
  });
});

describe('signing a bundle', () => {
  it('writes an OpenSSF Model Signing bundle over every file but itself', async () => {
    await withSigned(async ({ bundle, publicKey }) => {
      const written = JSON.parse(await readFile(join(bundle, 'model.sig'), 'utf8'));
      const { payload, payloadType, signatures } = written.dsseEnvelope;
      const key = createPublicKey(await readFile(publicKey));
      expect(written.mediaType).toBe('application/vnd.dev.sigstore.bundle.v0.3+json');
      expect(written.verificationMaterial).toEqual({
        publicKey: { hint: keyHint(key) },
        tlogEntries: [],
      });
      expect(payloadType).toBe('application/vnd.in-toto+json');
      const bytes = Buffer.from(payload, 'base64');
      // DSSE v1: "DSSEv1", then each part with its length.
      const covered = `DSSEv1 28 application/vnd.in-toto+json ${bytes.length} ${bytes.toString()}`;
      const signature = Buffer.from(signatures[0].sig, 'base64');
      expect(verify('sha256', Buffer.from(covered), key, signature)).toBe(true);
      const statement = JSON.parse(bytes.toString());
      expect(statement.predicateType).toBe('https://model_signing/signature/v1.0');
      const names = ['DATA.md', 'manifest.json', 'model.onnx'];
      expect(statement.predicate.resources.map(({ name }: { name: string }) => name)).toEqual(
        names,
      );
      for (const { name, algorithm, digest } of statement.predicate.resources) {
        expect(algorithm).toBe('sha256');
        expect(`sha256:${digest}`).toBe(digestOf(await readFile(join(bundle, name))));
      }
    });
  });

  it('makes a bundle that verifies and loads with the key', async () => {
    await withSigned(async ({ bundle, publicKey, privateKey }) => {
      const loaded = await loadBundle(bundle, { key: publicKey });
      expect(loaded).toEqual(await loadBundle(bundle));
      await expect(loadBundle(bundle, { key: privateKey })).resolves.toEqual(loaded);
      expect(await verifyBundle(bundle, { publicKey })).toMatchObject({ signature: 'verified' });
      expect(await verifyBundle(bundle)).toMatchObject({ ok: true, signature: 'unchecked' });
    });
  });

  it('replaces an older signature', async () => {
    await withSigned(async ({ bundle, beside }) => {
      const other = await generateSigningKey(beside('other.pem'));
      await signBundle(bundle, other.privateKey);
      await expect(loadBundle(bundle, { key: other.publicKey })).resolves.toBeDefined();
    });
  });

  it.each<[string, (bundle: string) => Promise<unknown>, string]>([
    ['a changed file', (d) => writeFile(join(d, 'DATA.md'), 'other'), 'DATA.md has changed'],
    ['a file that is not listed', (d) => writeFile(join(d, 'x'), ''), 'x is not listed'],
    ['a hidden file', (d) => writeFile(join(d, '.x'), ''), '.x is not listed'],
  ])('refuses to sign a bundle with %s', async (_, spoil, message) => {
    await withSigned(async ({ bundle, privateKey }) => {
      await spoil(bundle);
      await expect(signBundle(bundle, privateKey)).rejects.toThrow(message);
    });
  });

  it.each<[string, () => string]>([
    ['nothing', () => ''],
    ['text', () => 'secret'],
    ['a public key', () => pemOf().publicKey],
    ['another curve', () => pemOf(generateKeyPairSync('ec', { namedCurve: 'P-384' })).privateKey],
    ['another kind', () => pemOf(generateKeyPairSync('ed25519')).privateKey],
  ])('refuses a key file that holds %s', async (_, pem) => {
    await withSigned(async ({ bundle, beside }) => {
      await writeFile(beside('bad.pem'), pem());
      await expect(signBundle(bundle, beside('bad.pem'))).rejects.toMatchObject({
        exitCode: 78,
        message: expect.stringContaining('expected a'),
      });
    });
  });
});

describe('a key that cannot be read', () => {
  it.each([
    ['missing', 'none.pem', 'none.pem does not exist'],
    ['a folder', '', 'is a folder, expected a file'],
  ])('as %s is told by its path', async (_, name, message) => {
    await withSigned(async ({ bundle, beside }) => {
      await expect(signBundle(bundle, beside(name))).rejects.toMatchObject({
        exitCode: 78,
        message: expect.stringContaining(message),
      });
    });
  });
});

describe('a bundle that must be signed', () => {
  it.each<[string, (place: Place) => Promise<unknown>, string, string]>([
    ['unsigned', ({ bundle }) => rm(join(bundle, 'model.sig')), 'unsigned', 'it is not signed'],
    [
      'signed by another',
      async ({ bundle, beside }) => {
        const other = await generateSigningKey(beside('other.pem'));
        await signBundle(bundle, other.privateKey);
      },
      'signed-by-another',
      'signed with another key',
    ],
    [
      'holding an unlisted file',
      ({ bundle }) => writeFile(join(bundle, 'notes.txt'), ''),
      'unlisted',
      'notes.txt is not among the signed files',
    ],
    [
      'holding a folder',
      ({ bundle }) => mkdir(join(bundle, 'more')),
      'outside',
      'more is not a regular file',
    ],
    [
      'missing a file',
      ({ bundle }) => rm(join(bundle, 'DATA.md')),
      'missing',
      'DATA.md is signed but missing',
    ],
    [
      'with a link in place of a file',
      async ({ bundle, beside }) => {
        await rename(join(bundle, 'model.onnx'), beside('real.onnx'));
        await symlink('../real.onnx', join(bundle, 'model.onnx'));
      },
      'outside',
      'model.onnx is a symbolic link',
    ],
    [
      'with a changed manifest',
      ({ bundle }) => writeFile(join(bundle, 'manifest.json'), '{}'),
      'changed',
      'manifest.json has changed since it was signed',
    ],
    [
      'changed together with its manifest',
      ({ bundle }) => writeTestBundleKeepingSignature(bundle),
      'changed',
      'has changed since it was signed',
    ],
    [
      'signed over another predicate',
      (place) => forge(place, (statement) => Object.assign(statement, { predicateType: 'x' })),
      'signature-broken',
      'expected a statement of the type',
    ],
    [
      'signed over paths',
      (place) =>
        forge(place, (statement) => {
          const { resources } = statement['predicate'] as { resources: { name: string }[] };
          for (const resource of resources) resource.name = `../bundle/${resource.name}`;
        }),
      'signature-broken',
      'plain file names',
    ],
    [
      'signed over files that do not add up',
      (place) =>
        forge(place, (statement) => {
          (statement['predicate'] as { resources: unknown[] }).resources.pop();
        }),
      'signature-broken',
      "the subject's digest does not fit",
    ],
    [
      'with a signature that is no JSON',
      ({ bundle }) => writeFile(join(bundle, 'model.sig'), 'x'),
      'signature-broken',
      'model.sig is no model signature',
    ],
    [
      'with a signature of null',
      ({ bundle }) => writeFile(join(bundle, 'model.sig'), 'null'),
      'signature-broken',
      'it is not an object',
    ],
    [
      'with its payload in another spelling of base64',
      async ({ bundle }) => {
        const path = join(bundle, 'model.sig');
        const envelope = JSON.parse(await readFile(path, 'utf8'));
        envelope.dsseEnvelope.payload = `${envelope.dsseEnvelope.payload}!`;
        await writeFile(path, JSON.stringify(envelope));
      },
      'signature-broken',
      'payload is no base64',
    ],
    [
      'with a signature of 2 MB',
      ({ bundle }) => writeFile(join(bundle, 'model.sig'), Buffer.alloc(2e6)),
      'model',
      'at most 1048576 are allowed',
    ],
  ])('is refused %s', async (_, spoil, kind, message) => {
    await withSigned(async (place) => {
      await spoil(place);
      const refusal = loadBundle(place.bundle, { key: place.publicKey });
      await expect(refusal).rejects.toMatchObject({
        kind,
        exitCode: 70,
        message: expect.stringContaining(message),
      });
      const verification = await verifyBundle(place.bundle, { publicKey: place.publicKey });
      expect(verification).toMatchObject({ ok: false, kind });
    });
  });

  it('is refused with external data, although it is signed', async () => {
    await inFolder(async (directory) => {
      const key = await generateSigningKey(join(directory, 'k.pem'));
      const bundle = join(directory, 'bundle');
      await writeTestBundle(bundle, { onnx: externalWeights('../../w') });
      await expect(signBundle(bundle, key.privateKey)).rejects.toMatchObject({ kind: 'outside' });
    });
  });

  it('is refused with one changed byte in any signed file, at 200 random places each', async () => {
    await withSigned(async ({ bundle, publicKey }) => {
      for (const name of ['manifest.json', 'model.onnx', 'DATA.md']) {
        await atRandomPlaces(join(bundle, name), 200, async () => {
          await expect(loadBundle(bundle, { key: publicKey })).rejects.toMatchObject({
            kind: 'changed',
          });
        });
      }
      await expect(loadBundle(bundle, { key: publicKey })).resolves.toBeDefined();
    });
  });

  it('is refused or is the same bundle with one changed byte in the signature file', async () => {
    await withSigned(async ({ bundle, publicKey }) => {
      const original = await loadBundle(bundle, { key: publicKey });
      let refused = 0;
      await atRandomPlaces(join(bundle, 'model.sig'), 500, async () => {
        const outcome = await loadBundle(bundle, { key: publicKey }).catch(
          (error: unknown) => error,
        );
        if (outcome instanceof Error) {
          refused += 1;
          expect(outcome).toMatchObject({ code: 'BUNDLE_REFUSED' });
        } else expect(outcome).toEqual(original);
      });
      // White space, the key's hint and unused fields may change; most of the file may not.
      expect(refused).toBeGreaterThan(300);
    });
  });
});

describe('verifying without a key', () => {
  it('names a file that the manifest does not list', async () => {
    await withSigned(async ({ bundle }) => {
      await writeFile(join(bundle, 'extra.txt'), '');
      expect(await verifyBundle(bundle)).toMatchObject({
        kind: 'unlisted',
        message: expect.stringContaining('extra.txt'),
      });
    });
  });

  it('says that there is no signature', async () => {
    await withSigned(async ({ bundle }) => {
      await rm(join(bundle, 'model.sig'));
      expect(await verifyBundle(bundle)).toMatchObject({ ok: true, signature: 'none' });
    });
  });
});

async function writeTestBundleKeepingSignature(bundle: string): Promise<void> {
  const signature = await readFile(join(bundle, 'model.sig'));
  await rm(join(bundle, 'DATA.md'));
  await writeTestBundle(bundle, { extra: new Map([['DATA.md', Buffer.from('# Others\n')]]) });
  await writeFile(join(bundle, 'model.sig'), signature);
}

async function atRandomPlaces(path: string, places: number, check: () => Promise<void>) {
  const original = await readFile(path);
  for (let place = 0; place < places; place += 1) {
    const changed = Buffer.from(original);
    const at = Math.floor(Math.random() * changed.length);
    changed[at] = (changed[at] as number) ^ (1 + Math.floor(Math.random() * 255));
    await writeFile(path, changed);
    await check();
  }
  await writeFile(path, original);
}

/** The two halves of a new key as PEM text. */
function pemOf({ privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })) {
  return {
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    publicKey: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
  };
}
