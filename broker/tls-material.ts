// What TLS listeners are made of: certificate, key, trusted authorities and revocation list, read from
// files, followed while the broker runs, and the judgement of a client's certificate.
import { readFileSync, statSync, watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import { createSecureContext, type SecureContextOptions, TLSSocket } from 'node:tls';
import { isName } from '../schemas/names.ts';
import { serialOf } from './certificate-authority.ts';
import { CertificateError } from './certificate-error.ts';
import { revokedSerials } from './revocation-list.ts';

/** Paths of PEM files. */
export interface TlsFiles {
  /** The broker's certificate, with its intermediates if there are any. */
  readonly cert: string;
  readonly key: string;
  /** Whose client certificates count; without it none does. */
  readonly ca?: string;
  /** Certificates revoked by `ca`; followed while the broker runs. */
  readonly crl?: string;
}

/** What a connection's certificate says about who it is. */
export type CertificateVerdict =
  /** It shows none: a password must do. */
  | { readonly kind: 'none' }
  | { readonly kind: 'valid'; readonly name: string }
  | { readonly kind: 'refused'; readonly reason: string };

/** Files that change in one go are read once. */
const SETTLE_MS = 50;

export class TlsMaterial {
  private readonly files: TlsFiles;
  private current: SecureContextOptions;
  private revoked: ReadonlySet<string>;
  private version: string;
  private told: { onChange(): void; onBroken(error: unknown): void } | null = null;

  /** @throws {CertificateError} exit 78: a file cannot be read or used */
  constructor(files: TlsFiles) {
    this.files = files;
    this.version = versionOf(files);
    ({ context: this.current, revoked: this.revoked } = read(files));
  }

  /** For `createServer` and `setSecureContext`. */
  get context(): SecureContextOptions {
    return this.current;
  }

  /**
   * Follows the files.
   * @param onChange what is read anew is in `context` and in force in `judge`
   * @param onBroken a file cannot be used; what was read before stays in force
   * @returns ends the watch
   */
  watch(onChange: () => void, onBroken: (error: unknown) => void): () => void {
    this.told = { onChange, onBroken };
    const paths = pathsOf(this.files);
    const names = new Set(paths.map((path) => basename(path)));
    let timer: NodeJS.Timeout | undefined;
    // The folders, since files are replaced and not rewritten.
    const watchers = [...new Set(paths.map((path) => dirname(path)))].map((folder) => {
      const watcher = watch(folder, (_, name) => {
        if (name !== null && !names.has(name)) return;
        clearTimeout(timer);
        timer = setTimeout(() => this.refresh(), SETTLE_MS);
      });
      return watcher.on('error', onBroken);
    });
    return () => {
      this.told = null;
      clearTimeout(timer);
      for (const watcher of watchers) watcher.close();
    };
  }

  /** Reads the files where they are others than those read last: what was revoked a moment ago counts. */
  refresh(): void {
    const version = versionOf(this.files);
    if (version === this.version) return;
    this.version = version;
    try {
      ({ context: this.current, revoked: this.revoked } = read(this.files));
    } catch (error) {
      this.told?.onBroken(error);
      return;
    }
    this.told?.onChange();
  }

  /**
   * Who a connection is by its certificate, by what is in force now: also for one that was accepted
   * before its certificate was revoked, or that resumed a session of that time.
   */
  judge(socket: unknown): CertificateVerdict {
    if (!(socket instanceof TLSSocket)) return { kind: 'none' };
    const { serialNumber, subject } = socket.getPeerCertificate();
    if (subject === undefined) return { kind: 'none' };
    const error = socket.authorizationError as unknown;
    if (!socket.authorized) return { kind: 'refused', reason: reasonOf(String(error)) };
    if (this.revoked.has(serialOf(serialNumber))) {
      return { kind: 'refused', reason: reasonOf('CERT_REVOKED') };
    }
    const name: unknown = subject.CN;
    if (isName(name)) return { kind: 'valid', name };
    return { kind: 'refused', reason: 'the common name of the certificate is no name' };
  }
}

const REASONS: Record<string, string> = {
  CERT_REVOKED: 'the certificate is revoked',
  CERT_HAS_EXPIRED: 'the certificate has expired',
  CERT_NOT_YET_VALID: 'the certificate is not valid yet',
  INVALID_PURPOSE: 'the certificate is not one of a client',
};

function reasonOf(code: string): string {
  return (
    REASONS[code] ?? `the certificate is not of an authority that this broker trusts (${code})`
  );
}

function pathsOf({ ca, cert, crl, key }: TlsFiles): string[] {
  return [cert, key, ca, crl].filter((path) => path !== undefined);
}

/** Changes whenever one of the files does. */
function versionOf(files: TlsFiles): string {
  return pathsOf(files)
    .map((path) => {
      const found = statSync(path, { bigint: true, throwIfNoEntry: false });
      return found ? `${found.ino}:${found.mtimeNs}:${found.size}` : 'none';
    })
    .join(' ');
}

function read(files: TlsFiles): { context: SecureContextOptions; revoked: Set<string> } {
  const { ca, cert, crl, key } = files;
  const revocations = crl === undefined ? undefined : readPem(crl);
  const context: SecureContextOptions = {
    cert: readPem(cert),
    key: readPem(key),
    // An empty list: without it Node would trust every public authority.
    ca: ca === undefined ? [] : readPem(ca),
    ...(revocations === undefined ? {} : { crl: revocations }),
    minVersion: 'TLSv1.2',
  };
  try {
    createSecureContext(context);
  } catch (cause) {
    throw new CertificateError(
      `${cert} and ${key} cannot be used for TLS: ${(cause as Error).message}`,
      'Check that both are PEM and belong together, and that ca and crl are PEM too.',
      { cause, exitCode: 78 },
    );
  }
  return { context, revoked: revocations === undefined ? new Set() : revokedSerials(revocations) };
}

function readPem(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new CertificateError(
      `${path} cannot be read: ${(cause as Error).message}`,
      'Check the path and who may read it.',
      { cause, exitCode: 78 },
    );
  }
}
