// What a person reads when a certificate cannot be made, read or trusted.

/** A person must act: `exitCode` 64 for what was asked, 78 for what stands in files. */
export class CertificateError extends Error {
  readonly code = 'CERTIFICATE_INVALID';
  readonly exitCode: number;
  readonly remedy: string;

  constructor(
    message: string,
    remedy: string,
    options: ErrorOptions & { readonly exitCode?: 64 | 78 } = {},
  ) {
    super(message, options);
    this.name = 'CertificateError';
    this.remedy = remedy;
    this.exitCode = options.exitCode ?? 64;
  }
}
