// The folder of an outbox, looked at before a database is opened in it: is it one, and is it whole?
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { OutboxError } from './outbox-error.ts';

/** Files that a database leaves behind whose creation was cut off. */
const UNFINISHED = /^(LOG|LOG\.old|LOCK|MANIFEST-\d+|\d+\.dbtmp)$/;
const DATA = /^\d+\.(log|ldb|sst)$/;

/** @throws {OutboxError} it cannot be made or read, holds something else, or lacks its CURRENT file */
export async function checkFolder(folder: string, mayCreate: boolean): Promise<void> {
  let names: string[];
  try {
    if (mayCreate) await mkdir(folder, { recursive: true, mode: 0o700 });
    names = await readdir(folder);
  } catch (cause) {
    throw explainAccess(folder, cause as NodeJS.ErrnoException);
  }
  if (names.includes('CURRENT')) return;
  if (!mayCreate) throw missing(folder);
  if (names.some((name) => DATA.test(name))) {
    throw damaged(folder, 'its file CURRENT is missing');
  }
  const stranger = names.find((name) => !UNFINISHED.test(name));
  if (stranger !== undefined) throw foreign(folder, stranger);
}

/**
 * What the database itself says that it had to leave out when it was opened; it goes on without.
 * A record that a crash cut off was never acknowledged, and is not among them.
 */
export async function readDamage(folder: string): Promise<string | null> {
  const log = await readFile(join(folder, 'LOG'), 'utf8').catch(() => '');
  const line = log.split('\n').find((each) => /dropping \d+ bytes|Ignoring error/.test(each));
  return line === undefined ? null : line.replace(/^\S+ \S+ /, '').slice(0, 200);
}

export function damaged(folder: string, what: string, cause?: unknown): OutboxError {
  return new OutboxError(
    'OUTBOX_DAMAGED',
    `the outbox ${folder} is damaged: ${what}`,
    'Move the folder away and keep it; a new one is made in its place, without the readings in it.',
    { cause },
  );
}

export function foreign(folder: string, what: string): OutboxError {
  return new OutboxError(
    'OUTBOX_UNUSABLE',
    `the folder ${folder} is no outbox: it holds ${JSON.stringify(what)}`,
    'Name a folder that is empty or not there yet.',
  );
}

function missing(folder: string): OutboxError {
  return new OutboxError(
    'OUTBOX_MISSING',
    `there is no outbox in ${folder}`,
    'Check the path; an outbox is made when a reading is handed to it.',
  );
}

function explainAccess(folder: string, cause: NodeJS.ErrnoException): OutboxError {
  if (cause.code === 'ENOENT') return missing(folder);
  return new OutboxError(
    'OUTBOX_UNUSABLE',
    `the folder ${folder} of the outbox cannot be used: ${cause.message}`,
    'Name a folder that this user may read and write, on a disk with room.',
    { cause },
  );
}
