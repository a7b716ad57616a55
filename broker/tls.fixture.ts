// For tests: one TLS handshake with the certificates of a store, and what each side made of it.
import { readFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type TLSSocket } from 'node:tls';
import {
  type CertificateFiles,
  certificatePaths,
  ensureServerCertificate,
} from './certificates.ts';

export async function readPair({ certificate, key }: CertificateFiles) {
  return { cert: await readFile(certificate, 'utf8'), key: await readFile(key, 'utf8') };
}

export interface Handshake {
  /** What the client expects to talk to. */
  readonly host: string;
  readonly cert?: string;
  readonly key?: string;
  /** The server's files; default: those of the store. */
  readonly server?: CertificateFiles;
}

/** Connects on loopback; each side is told as a word or an error code. */
export async function handshake(
  store: string,
  { server: files, host, ...own }: Handshake,
): Promise<{ readonly client: string; readonly server: string }> {
  const pair = await readPair(files ?? (await ensureServerCertificate(store)));
  const { ca: caPath, crl: crlPath } = certificatePaths(store);
  const [ca, crl] = [await readFile(caPath), await readFile(crlPath)];
  const server = createServer({ ...pair, ca, crl, requestCert: true, rejectUnauthorized: false });
  const judged = new Promise<string>((resolve) => {
    server.on('secureConnection', (socket: TLSSocket) => {
      const error = socket.authorizationError as unknown as string | undefined;
      const { subject } = socket.getPeerCertificate();
      resolve(socket.authorized ? `authorized as ${String(subject.CN)}` : String(error));
      socket.destroy();
    });
    server.on('tlsClientError', (error) => resolve((error as NodeJS.ErrnoException).code ?? ''));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const client = await new Promise<string>((resolve) => {
    const socket = connect({ ...own, ca, port, host: '127.0.0.1', servername: host }, () => {
      resolve('connected');
    });
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
  const result = { client, server: await judged };
  await new Promise((resolve) => server.close(resolve));
  return result;
}
