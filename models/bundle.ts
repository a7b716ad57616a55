// Loading a bundle: the manifest read and checked, every listed file read once and held to its digest.
import type { Manifest } from './manifest.ts';

export interface Bundle {
  readonly directory: string;
  readonly manifest: Manifest;
  /** Digest of the manifest's bytes, and through its list of digests of everything: `sha256:…`. */
  readonly digest: string;
  /** The verified bytes by file name; runtimes are given these and never a path. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** The bundle must not be served. A person must act; exit 70. */
export class BundleRefusedError extends Error {
  readonly code = 'BUNDLE_REFUSED';
  readonly exitCode = 70;
  readonly remedy: string;

  constructor(message: string, remedy: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'BundleRefusedError';
    this.remedy = remedy;
  }
}
