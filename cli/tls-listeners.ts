// From settings to TLS listeners: the broker's certificate comes from the authority of its store.
import { certificatePaths, ensureServerCertificate } from '../broker/certificates.ts';
import type { TlsListeners } from '../broker/embedded-broker.ts';
import type { AllSettings } from './settings.ts';

type TlsSettings = Pick<AllSettings, 'store' | 'tlsHost' | 'tlsPort' | 'tlsWsPort' | 'tlsNames'>;

/**
 * Makes or renews the certificate where a TLS listener is wanted; `null` where none is.
 * @throws {CertificateError} a name cannot be used, or the store's files are damaged
 */
export async function prepareTls(settings: TlsSettings): Promise<TlsListeners | null> {
  const { store, tlsHost, tlsNames, tlsPort, tlsWsPort } = settings;
  if (tlsPort === 'off' && tlsWsPort === 'off') return null;
  const names = tlsNames === null ? [] : tlsNames.split(',').filter((name) => name !== '');
  const { certificate: cert, key } = await ensureServerCertificate(store, names);
  const { ca, crl } = certificatePaths(store);
  return {
    cert,
    key,
    ca,
    crl,
    ...(tlsHost === null ? {} : { host: tlsHost }),
    port: tlsPort === 'off' ? null : tlsPort,
    wsPort: tlsWsPort === 'off' ? null : tlsWsPort,
  };
}
