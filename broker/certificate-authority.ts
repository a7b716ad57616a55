// A small certificate authority: keys, certificates and revocation lists as PEM text. It knows no files.
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate,
} from 'node:crypto';
import { isIP } from 'node:net';
import { isName, NAME_RULE } from '../schemas/names.ts';
import { CertificateError } from './certificate-error.ts';
import * as der from './der.ts';
import { addressBytes, isHostName } from './hosts.ts';

const DAY_MS = 86_400_000;
/** A device's clock may be behind ours. */
const BACKDATED_MS = 3_600_000;
/** The longest that a certificate is valid: as long as its authority. */
export const MAX_DAYS = 7300;

const ECDSA_WITH_SHA256 = der.sequence(der.objectId('1.2.840.10045.4.3.2'));
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';

/** PEM texts; `key` is PKCS #8 and secret. */
export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

export interface Issued extends KeyPair {
  /** As `serialOf` spells it. */
  readonly serial: string;
  /** RFC 3339. */
  readonly notAfter: string;
}

/** `client`: proves who connects. `server`: proves which hosts a broker answers for. */
export type CertificateRequest =
  | { readonly kind: 'client'; readonly name: string; readonly role: string; readonly days: number }
  | { readonly kind: 'server'; readonly hosts: readonly string[]; readonly days: number };

/** Why a certificate counts no more: a newer one took its place, or its owner is no more. */
export type RevocationReason = 'superseded' | 'removed';

export interface Revocation {
  readonly serial: string;
  /** RFC 3339. */
  readonly revokedAt: string;
  readonly reason: RevocationReason;
}

/** CRLReason of RFC 5280, 5.3.1: superseded and cessationOfOperation. */
const REASON_CODES: Record<RevocationReason, number> = { superseded: 4, removed: 5 };

/** An authority that is read once and signs many times. */
export class CertificateAuthority {
  readonly pair: KeyPair;
  private readonly key: KeyObject;
  private readonly name: Buffer;
  private readonly keyId: Buffer;
  private readonly notAfter: Date;

  /** @throws {CertificateError} not PEM, or the key is not the certificate's */
  constructor(pair: KeyPair) {
    this.pair = pair;
    try {
      this.key = createPrivateKey(pair.key);
      const certificate = new X509Certificate(pair.certificate);
      if (!certificate.checkPrivateKey(this.key)) throw new Error('the key belongs to another');
      this.name = subjectOf(certificate.raw);
      this.keyId = keyIdOf(this.key);
      this.notAfter = new Date(certificate.validTo);
    } catch (cause) {
      throw new CertificateError(
        `the certificate authority cannot be used: ${(cause as Error).message}`,
        'Restore ca/ca.crt and ca/ca.key of the store from a backup, both of the same day.',
        { cause },
      );
    }
  }

  /** A new one: P-256, self-signed, good for certificates and revocation lists and no further CA. */
  static create(now: Date): CertificateAuthority {
    const key = newKey();
    // The random part keeps two authorities apart where both are trusted.
    const name = nameOf([['2.5.4.3', `Echolot local CA ${randomBytes(4).toString('hex')}`]]);
    const certificate = signed(
      {
        serial: newSerial(),
        issuer: name,
        subject: name,
        notBefore: new Date(now.getTime() - BACKDATED_MS),
        notAfter: wholeSeconds(now.getTime() + MAX_DAYS * DAY_MS),
        publicKey: spkiOf(key),
        extensions: [
          extension('2.5.29.19', der.sequence(der.boolean(true), integerOf(0)), 'critical'),
          // keyCertSign and cRLSign
          extension('2.5.29.15', der.bitString(Buffer.from([0b0000_0110]), 1), 'critical'),
          extension('2.5.29.14', der.octetString(keyIdOf(key))),
        ],
      },
      key,
    );
    return new CertificateAuthority({ certificate, key: privateKeyPem(key) });
  }

  /**
   * A new key and its certificate; never valid for longer than the authority.
   * @throws {CertificateError} the name, a host or the days cannot be used
   */
  issue(request: CertificateRequest, now: Date): Issued {
    const days = checkedDays(request.days);
    const key = newKey();
    const serial = newSerial();
    const notAfter = wholeSeconds(Math.min(now.getTime() + days * DAY_MS, this.notAfter.getTime()));
    const isClient = request.kind === 'client';
    const certificate = signed(
      {
        serial,
        issuer: this.name,
        subject: subjectNameOf(request),
        notBefore: new Date(now.getTime() - BACKDATED_MS),
        notAfter,
        publicKey: spkiOf(key),
        extensions: [
          extension('2.5.29.19', der.sequence(), 'critical'),
          // digitalSignature
          extension('2.5.29.15', der.bitString(Buffer.from([0b1000_0000]), 7), 'critical'),
          // A device's certificate must not pass for a broker's.
          extension('2.5.29.37', der.sequence(der.objectId(isClient ? CLIENT_AUTH : SERVER_AUTH))),
          ...(isClient ? [] : [alternativeNames(request.hosts)]),
          extension('2.5.29.14', der.octetString(keyIdOf(key))),
          this.authorityKeyId(),
        ],
      },
      this.key,
    );
    return {
      certificate,
      key: privateKeyPem(key),
      serial: serialOf(serial.toString('hex')),
      notAfter: notAfter.toISOString(),
    };
  }

  /**
   * The list of revoked certificates, as PEM. It is valid for as long as the authority: it is replaced
   * at every change, and one that ran out would make openssl refuse every certificate.
   */
  revocationList(revocations: readonly Revocation[], now: Date): string {
    const entries = revocations.map(({ reason, revokedAt, serial }) =>
      der.sequence(
        der.integer(Buffer.from(serial.padStart(serial.length + (serial.length % 2), '0'), 'hex')),
        der.time(new Date(revokedAt)),
        der.sequence(extension('2.5.29.21', der.enumerated(REASON_CODES[reason]))),
      ),
    );
    const number = Buffer.alloc(6);
    number.writeUIntBE(now.getTime(), 0, 6);
    const body = der.sequence(
      integerOf(1),
      ECDSA_WITH_SHA256,
      this.name,
      der.time(new Date(now.getTime() - BACKDATED_MS)),
      der.time(this.notAfter),
      // An empty list is left out (RFC 5280, 5.1.2.6).
      ...(entries.length === 0 ? [] : [der.sequence(...entries)]),
      der.tagged(
        0,
        der.sequence(this.authorityKeyId(), extension('2.5.29.20', der.integer(number))),
        'explicit',
      ),
    );
    return pem('X509 CRL', withSignature(body, this.key));
  }

  private authorityKeyId(): Buffer {
    return extension('2.5.29.35', der.sequence(der.tagged(0, this.keyId, 'primitive')));
  }
}

/** One spelling of a serial number: lower-case hexadecimal without leading zeros. */
export function serialOf(text: string): string {
  return text.toLowerCase().replace(/^0+(?=.)/, '');
}

interface Body {
  readonly serial: Buffer;
  readonly issuer: Buffer;
  readonly subject: Buffer;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly publicKey: Buffer;
  readonly extensions: readonly Buffer[];
}

function signed(body: Body, key: KeyObject): string {
  const tbs = der.sequence(
    der.tagged(0, integerOf(2), 'explicit'),
    der.integer(body.serial),
    ECDSA_WITH_SHA256,
    body.issuer,
    der.sequence(der.time(body.notBefore), der.time(body.notAfter)),
    body.subject,
    body.publicKey,
    der.tagged(3, der.sequence(...body.extensions), 'explicit'),
  );
  return pem('CERTIFICATE', withSignature(tbs, key));
}

function withSignature(body: Buffer, key: KeyObject): Buffer {
  return der.sequence(body, ECDSA_WITH_SHA256, der.bitString(sign('sha256', body, key)));
}

function extension(id: string, value: Buffer, critical?: 'critical'): Buffer {
  const flag = critical ? [der.boolean(true)] : [];
  return der.sequence(der.objectId(id), ...flag, der.octetString(value));
}

/** One attribute per RDN. */
function nameOf(attributes: readonly (readonly [id: string, value: string])[]): Buffer {
  return der.sequence(
    ...attributes.map(([id, value]) =>
      der.set(der.sequence(der.objectId(id), der.utf8String(value))),
    ),
  );
}

function subjectNameOf(request: CertificateRequest): Buffer {
  if (request.kind === 'server') return nameOf([['2.5.4.3', 'Echolot broker']]);
  if (isName(request.name)) {
    return nameOf([
      ['2.5.4.11', request.role],
      ['2.5.4.3', request.name],
    ]);
  }
  throw new CertificateError(
    `${JSON.stringify(request.name)} cannot be the name in a certificate`,
    `A name is ${NAME_RULE}.`,
  );
}

function alternativeNames(hosts: readonly string[]): Buffer {
  if (hosts.length === 0) {
    throw new CertificateError('a server certificate needs a host', 'Name one: localhost.');
  }
  const names = hosts.map((host) => {
    if (isIP(host)) return der.tagged(7, addressBytes(host), 'primitive');
    if (isHostName(host)) return der.tagged(2, Buffer.from(host, 'ascii'), 'primitive');
    throw new CertificateError(
      `${JSON.stringify(host)} is not a host`,
      'Expected is a host name or an IP address, without scheme and port.',
    );
  });
  return extension('2.5.29.17', der.sequence(...names));
}

function checkedDays(days: number): number {
  if (Number.isSafeInteger(days) && days >= 1 && days <= MAX_DAYS) return days;
  throw new CertificateError(
    `a certificate cannot be valid for ${days} days`,
    `Expected is a whole number from 1 to ${MAX_DAYS}.`,
  );
}

/** The subject in a certificate, byte for byte: what its issued certificates name as issuer. */
function subjectOf(certificate: Buffer): Buffer {
  const [whole] = der.readElements(certificate);
  const [body] = whole ? der.readElements(whole.content) : [];
  // version, serial, algorithm, issuer, validity, subject
  const subject = body ? der.readElements(body.content)[5] : undefined;
  if (!der.isSequence(subject)) throw new Error('no subject in the certificate');
  return subject.whole;
}

function newKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey;
}

function privateKeyPem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

function spkiOf(key: KeyObject): Buffer {
  return createPublicKey(key).export({ type: 'spki', format: 'der' });
}

/** 160 bits of the SHA-256 of the public point (RFC 7093, method 1). */
function keyIdOf(key: KeyObject): Buffer {
  const point = spkiOf(key).subarray(-65);
  return createHash('sha256').update(point).digest().subarray(0, 20);
}

/** 126 random bits, positive, the first byte never 0 (RFC 5280, 4.1.2.2). */
function newSerial(): Buffer {
  const bytes = randomBytes(16);
  bytes.writeUInt8((bytes.readUInt8(0) & 0x3f) | 0x40, 0);
  return bytes;
}

function integerOf(value: number): Buffer {
  return der.integer(Buffer.from([value]));
}

function wholeSeconds(milliseconds: number): Date {
  return new Date(Math.floor(milliseconds / 1000) * 1000);
}

function pem(label: string, bytes: Buffer): string {
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}
