// Many identities at once: the CSV that names them, and the CSV with their passwords. Text only.
import { isName, NAME_RULE } from '../schemas/names.ts';
import type { Role } from './policy.ts';

/** One row of the list. */
export interface ListedIdentity {
  readonly name: string;
  readonly role: Role;
  readonly models?: readonly string[];
}

/** The list cannot be used; every complaint names its line. */
export class IdentityCsvError extends Error {
  readonly code = 'IDENTITY_CSV_INVALID';
  readonly exitCode = 78;
  readonly remedy: string;

  constructor(complaints: readonly string[], what: 'identities' | 'passwords' = 'identities') {
    const shown = complaints.slice(0, 5).join('; ');
    const more = complaints.length > 5 ? `; and ${complaints.length - 5} more` : '';
    super(`the list of ${what} cannot be used: ${shown}${more}`);
    this.name = 'IdentityCsvError';
    this.remedy = REMEDIES[what];
  }
}

const REMEDIES = {
  identities:
    'Expected is a header name,role or name,role,models and one identity a line; several models in quotes, such as edge-1,predictor,"sonar,radar".',
  passwords: 'Expected is a header name,password and one identity of the store a line.',
};

/**
 * Reads a list of identities: columns `name`, `role` and, where wanted, `models`, in any order.
 * @param roles those of the policy
 * @throws {IdentityCsvError} all or nothing: one bad line spoils the list
 */
export function parseIdentityCsv(text: string, roles: readonly Role[]): ListedIdentity[] {
  const [header, ...lines] = text.replace(/^\ufeff/, '').split(/\r?\n/);
  const columns = fieldsOf(header ?? '') ?? [];
  const stranger = columns.find((name) => !['name', 'role', 'models'].includes(name));
  if (stranger !== undefined || new Set(columns).size < columns.length) {
    throw new IdentityCsvError([`line 1: ${quote(header ?? '')}`]);
  }
  const missing = ['name', 'role'].find((name) => !columns.includes(name));
  if (missing) throw new IdentityCsvError([`line 1: there is no column "${missing}"`]);
  const complaints: string[] = [];
  const identities = new Map<string, ListedIdentity>();
  for (const [index, line] of lines.entries()) {
    if (line.trim() === '') continue;
    const read = readLine(line, columns, roles);
    if (typeof read === 'string') complaints.push(`line ${index + 2}: ${read}`);
    else if (identities.has(read.name)) complaints.push(`line ${index + 2}: ${read.name} again`);
    else identities.set(read.name, read);
  }
  if (complaints.length > 0) throw new IdentityCsvError(complaints);
  if (identities.size === 0) throw new IdentityCsvError(['it names nobody']);
  return [...identities.values()];
}

/** The passwords as CSV; names and passwords hold nothing that would need quotes. */
export function formatPasswordCsv(
  passwords: readonly { readonly name: string; readonly password: string }[],
): string {
  return `name,password\n${passwords.map(({ name, password }) => `${name},${password}\n`).join('')}`;
}

/**
 * Reads what `formatPasswordCsv` writes.
 * @throws {IdentityCsvError} all or nothing; no password is in the message
 */
export function parsePasswordCsv(text: string): Map<string, string> {
  const [header, ...lines] = text.replace(/^\ufeff/, '').split(/\r?\n/);
  if (header !== 'name,password') throw new IdentityCsvError(['line 1 is no header'], 'passwords');
  const passwords = new Map<string, string>();
  for (const [index, line] of lines.entries()) {
    if (line === '') continue;
    const [name = '', password = '', ...more] = line.split(',');
    if (!isName(name) || password === '' || more.length > 0 || passwords.has(name)) {
      throw new IdentityCsvError([`line ${index + 2} is no name and password`], 'passwords');
    }
    passwords.set(name, password);
  }
  return passwords;
}

function readLine(
  line: string,
  columns: readonly string[],
  roles: readonly Role[],
): ListedIdentity | string {
  const fields = fieldsOf(line);
  if (fields === null) return 'a quote is missing';
  if (fields.length !== columns.length) {
    return `expected ${columns.length} columns, got ${fields.length}`;
  }
  const value = (column: string) => fields[columns.indexOf(column)] ?? '';
  const [name, role] = [value('name'), value('role')];
  if (!isName(name)) return `${quote(name)} is no name (${NAME_RULE})`;
  if (!roles.includes(role)) return `${quote(role)} is no role (${roles.join(', ')})`;
  const models = value('models') === '' ? [] : value('models').split(/[,;\s]+/);
  if (models.length === 0) return { name, role };
  if (role !== 'predictor') return `a ${role} is not limited to models, only predictors are`;
  const bad = models.find((model) => !isName(model));
  if (bad !== undefined) return `${quote(bad)} is no name of a model`;
  return { name, role, models };
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 80));
}

/** The fields of one line (RFC 4180, without line breaks in quotes); `null` where a quote is missing. */
function fieldsOf(line: string): string[] | null {
  const fields: string[] = [];
  const field = /\s*(?:"((?:[^"]|"")*)"\s*|([^",]*))(,|$)/y;
  for (;;) {
    const match = field.exec(line);
    if (match === null) return null;
    const [, quoted, plain = '', end] = match;
    fields.push(quoted === undefined ? plain.trim() : quoted.replaceAll('""', '"'));
    if (end === '') return fields;
  }
}
