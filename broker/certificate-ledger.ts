// Which client certificates were issued to whom, and which of them count no more: `ca/issued.json`.
import { readFile } from 'node:fs/promises';
import { type Static, Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { NAME_PATTERN } from '../schemas/names.ts';
import { writeFileAtomically } from './atomic-file.ts';
import type { Issued, Revocation, RevocationReason } from './certificate-authority.ts';
import { CertificateError } from './certificate-error.ts';

const Ledger = Type.Object({
  version: Type.Literal(1),
  certificates: Type.Array(
    Type.Object({
      serial: Type.String({ pattern: '^[0-9a-f]{1,40}$' }),
      name: Type.String({ pattern: NAME_PATTERN }),
      notAfter: Type.String({ pattern: '^\\d{4}-\\d\\d-\\d\\dT' }),
      revoked: Type.Optional(
        Type.Object({
          at: Type.String({ pattern: '^\\d{4}-\\d\\d-\\d\\dT' }),
          reason: Type.Union([Type.Literal('superseded'), Type.Literal('removed')]),
        }),
      ),
    }),
  ),
});
const ledgerCheck = Compile(Ledger);

export type LedgerEntry = Static<typeof Ledger>['certificates'][number];

/** An absent file is an empty ledger. @throws {CertificateError} exit 78: it is not one of ours */
export async function readLedger(path: string): Promise<readonly LedgerEntry[]> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw damaged(path, (cause as Error).message, cause);
  }
  if (ledgerCheck.Check(parsed)) return parsed.certificates;
  const [first] = ledgerCheck.Errors(parsed);
  throw damaged(path, `${first?.instancePath ?? ''} ${first?.message ?? ''}`.trim());
}

export async function writeLedger(path: string, entries: readonly LedgerEntry[]): Promise<void> {
  const lines = entries.map((entry) => JSON.stringify(entry)).join(',\n');
  await writeFileAtomically(path, `{"version":1,"certificates":[\n${lines}\n]}\n`, 0o600);
}

/** With new certificates in it, each in the place of what its owner had before. */
export function withIssued(
  entries: readonly LedgerEntry[],
  issued: ReadonlyMap<string, Issued>,
  now: Date,
): LedgerEntry[] {
  const kept = withRevoked(entries, new Set(issued.keys()), 'superseded', now);
  const added = [...issued].map(([name, { notAfter, serial }]) => ({ serial, name, notAfter }));
  return [...kept, ...added];
}

/** With all certificates of these names revoked, and without what ran out long ago. */
export function withRevoked(
  entries: readonly LedgerEntry[],
  names: ReadonlySet<string>,
  reason: RevocationReason,
  now: Date,
): LedgerEntry[] {
  return entries
    .filter(({ notAfter }) => Date.parse(notAfter) > now.getTime() - EXPIRED_KEPT_MS)
    .map((entry) =>
      entry.revoked || !names.has(entry.name)
        ? entry
        : { ...entry, revoked: { at: now.toISOString(), reason } },
    );
}

/** What stands in the revocation list. */
export function revocationsIn(entries: readonly LedgerEntry[]): Revocation[] {
  return entries.flatMap(({ revoked, serial }) =>
    revoked ? [{ serial, revokedAt: revoked.at, reason: revoked.reason }] : [],
  );
}

/** A certificate that ran out needs no revocation; clocks may differ by a day. */
const EXPIRED_KEPT_MS = 86_400_000;

function damaged(path: string, what: string, cause?: unknown): CertificateError {
  return new CertificateError(
    `${path} is damaged: ${what}`,
    'Restore it from a backup: without it the certificates of a removed identity cannot be revoked.',
    { cause, exitCode: 78 },
  );
}
