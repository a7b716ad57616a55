// What a failed TLS handshake means, and what a person can do about it.
import { X509Certificate } from 'node:crypto';

/** In words; `remedy` is one step that would mend it. */
export interface TlsRefusal {
  readonly detail: string;
  readonly remedy: string;
}

const OTHER_AUTHORITY: TlsRefusal = {
  detail: "the broker's certificate is not of an authority that we trust",
  remedy: "give the certificate of the broker's authority with --ca (ECHOLOT_CA)",
};
const BROKER_RENEWS = "renew the broker's certificate, and check the clocks of both machines";
const OWN_RENEWAL =
  'renew it where the identities are kept ("echolot identity rotate NAME --certificate"), and give the new --cert and --key';

/** By Node's and OpenSSL's codes: our verdict on the broker, then the broker's alerts about us. */
const REFUSALS: Readonly<Record<string, TlsRefusal>> = {
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: OTHER_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT: OTHER_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: OTHER_AUTHORITY,
  SELF_SIGNED_CERT_IN_CHAIN: OTHER_AUTHORITY,
  DEPTH_ZERO_SELF_SIGNED_CERT: OTHER_AUTHORITY,
  CERT_SIGNATURE_FAILURE: OTHER_AUTHORITY,
  CERT_UNTRUSTED: OTHER_AUTHORITY,
  CERT_HAS_EXPIRED: { detail: "the broker's certificate has expired", remedy: BROKER_RENEWS },
  CERT_NOT_YET_VALID: {
    detail: "the broker's certificate is not valid yet",
    remedy: BROKER_RENEWS,
  },
  CERT_REVOKED: { detail: "the broker's certificate is revoked", remedy: BROKER_RENEWS },
  INVALID_PURPOSE: {
    detail: 'what answers has a certificate that is not one of a server',
    remedy: 'check the URL: perhaps a device answers there in place of the broker',
  },
  ERR_TLS_CERT_ALTNAME_INVALID: {
    detail: "the broker's certificate does not name the host of the URL",
    remedy:
      'take a host that the certificate names, or issue one that names this host ("echolot broker --tls-host HOST")',
  },
  ERR_SSL_WRONG_VERSION_NUMBER: {
    detail: 'what answers does not speak TLS',
    remedy: 'take the port of the TLS listener (8883 as a rule), or mqtt:// in place of mqtts://',
  },
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_REVOKED: {
    detail: 'the broker says that our certificate is revoked',
    remedy: OWN_RENEWAL,
  },
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: {
    detail: 'the broker says that our certificate has expired',
    remedy: OWN_RENEWAL,
  },
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: {
    detail: 'the broker does not trust the authority of our certificate',
    remedy: 'give --cert and --key of an identity of this broker',
  },
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: {
    detail: 'the broker cannot use our certificate',
    remedy: OWN_RENEWAL,
  },
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: {
    detail: 'the broker asks for a certificate, and we have none',
    remedy: 'give --cert and --key (ECHOLOT_CERT, ECHOLOT_KEY)',
  },
  ERR_OSSL_X509_KEY_VALUES_MISMATCH: {
    detail: 'our certificate and our key do not belong together',
    remedy: 'give --cert and --key of the same identity',
  },
};

/** `null` where the failure has nothing to do with certificates: it may pass. */
export function tlsRefusalOf(error: { readonly code?: unknown }): TlsRefusal | null {
  const { code } = error;
  return typeof code === 'string' && Object.hasOwn(REFUSALS, code)
    ? (REFUSALS[code] ?? null)
    : null;
}

/** What to check where a broker refuses the owner of this certificate (PEM) without saying why. */
export function certificateRemedy(cert: Buffer): string {
  try {
    const { subject, validTo } = new X509Certificate(cert);
    const name = /^CN=(.*)$/m.exec(subject)?.[1] ?? 'nobody';
    if (Date.parse(validTo) < Date.now()) {
      return `our certificate has expired on ${validTo}: ${OWN_RENEWAL}`;
    }
    return `our certificate is for ${JSON.stringify(name)}: check that username and client id are the same, that the identity exists at the broker, and that the certificate is not revoked`;
  } catch {
    return 'check that --cert is a certificate in PEM';
  }
}
