// Why a bundle is refused; apart from the loading, so that a trial need not load the schema checker.
import type { SignatureProblem } from './verify-signature.ts';

/**
 * What is wrong with a bundle. `outside`: it points out of its folder; `manifest`: the manifest does
 * not hold together; `model`: a model file is unreadable, hostile or does not fit the manifest;
 * `golden`: it computes something else than it should; `trial`: it crashed, hung or took too much.
 */
export type BundleProblemKind =
  | SignatureProblem['kind']
  | 'missing'
  | 'outside'
  | 'manifest'
  | 'model'
  | 'golden'
  | 'trial';

/** The bundle must not be served. A person must act; exit 70. */
export class BundleRefusedError extends Error {
  readonly code = 'BUNDLE_REFUSED';
  readonly exitCode = 70;
  readonly remedy: string;
  readonly kind: BundleProblemKind;

  constructor(
    message: string,
    remedy: string,
    options: ErrorOptions & { readonly kind?: BundleProblemKind } = {},
  ) {
    super(message, options);
    this.name = 'BundleRefusedError';
    this.remedy = remedy;
    this.kind = options.kind ?? 'model';
  }
}
