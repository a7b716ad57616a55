// Reads which serials a certificate revocation list revokes; whether it is genuine is for TLS to judge.
import { serialOf } from './certificate-authority.ts';
import { CertificateError } from './certificate-error.ts';
import { isSequence, isTime, readElements } from './der.ts';

const LISTS = /-----BEGIN X509 CRL-----([^-]*)-----END X509 CRL-----/g;

/**
 * The serials in all lists of a PEM text, spelled as `serialOf` does.
 * @throws {CertificateError} there is no list in it, or one cannot be read
 */
export function revokedSerials(text: string): Set<string> {
  try {
    const lists = [...text.matchAll(LISTS)].map(([, base64 = '']) => Buffer.from(base64, 'base64'));
    if (lists.length === 0) throw new Error('there is no "-----BEGIN X509 CRL-----" in it');
    return new Set(lists.flatMap(serialsIn));
  } catch (cause) {
    throw new CertificateError(
      `the revocation list cannot be read: ${(cause as Error).message}`,
      'Expected is PEM text as `echolot identity` and `openssl ca -gencrl` write it.',
      { cause, exitCode: 78 },
    );
  }
}

function serialsIn(list: Buffer): string[] {
  const [whole] = readElements(list);
  const [body] = whole ? readElements(whole.content) : [];
  if (!isSequence(whole) || !isSequence(body)) throw new Error('it is not a list of revocations');
  const fields = readElements(body.content);
  // … thisUpdate, nextUpdate, then the sequence of entries where there are any.
  const lastTime = fields.findLastIndex(isTime);
  const entries = fields[lastTime + 1];
  if (lastTime === -1) throw new Error('it has no date');
  if (!isSequence(entries)) return [];
  return readElements(entries.content).map((entry) => {
    const [serial] = readElements(entry.content);
    return serialOf(serial?.content.toString('hex') ?? '');
  });
}
