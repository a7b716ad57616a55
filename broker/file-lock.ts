// One process at a time: a lock file that names its holder, and that a dead holder does not keep.
import { open, readFile, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

const RETRY_MS = 20;

/** Another process holds the files; `exitCode` 75: trying again later may help. */
export class LockedError extends Error {
  readonly code = 'STORE_LOCKED';
  readonly exitCode = 75;
  readonly remedy: string;

  constructor(path: string, holder: string) {
    super(`${path} is held by another process (${holder})`);
    this.name = 'LockedError';
    this.remedy = `Let it finish and try again; if there is no such process, delete ${path}.`;
  }
}

/**
 * Runs `work` while no other process that asks for the same lock runs its own.
 * @param path the lock file; its folder must exist
 * @throws {LockedError} it was held for all of `patienceMs`
 */
export async function withFileLock<Result>(
  path: string,
  work: () => Promise<Result>,
  patienceMs = 10_000,
): Promise<Result> {
  await acquire(path, patienceMs);
  try {
    return await work();
  } finally {
    await rm(path, { force: true });
  }
}

async function acquire(path: string, patienceMs: number): Promise<void> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    try {
      const file = await open(path, 'wx', 0o600);
      await file.writeFile(String(process.pid));
      await file.close();
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const holder = await readFile(path, 'utf8').catch(() => '');
    if (isDead(holder)) await rm(path, { force: true });
    else if (performance.now() > deadline)
      throw new LockedError(path, `pid ${holder || 'unknown'}`);
    else await sleep(RETRY_MS);
  }
}

/** An empty file belongs to a process that is about to write its id. */
function isDead(holder: string): boolean {
  const pid = Number.parseInt(holder, 10);
  if (!Number.isSafeInteger(pid) || pid < 1) return false;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}
