// What every renderer is given, and how its files come into a folder: whole, private, owned by the broker.
import { execFile } from 'node:child_process';
import { chmod, chown, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { writeFileAtomically } from './atomic-file.ts';
import type { IdentityRecord } from './identity.ts';
import type { Policy } from './policy.ts';

export interface RenderInput {
  readonly policy: Policy;
  readonly identities: readonly IdentityRecord[];
  /** What predictors without a limit may serve, where the broker needs them by name. */
  readonly models: readonly string[];
}

/** The files cannot be written as asked. A person must act; exit 78. */
export class RenderError extends Error {
  readonly code = 'RENDER_FAILED';
  readonly exitCode = 78;
  readonly remedy: string;

  constructor(message: string, remedy: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'RenderError';
    this.remedy = remedy;
  }
}

/**
 * Writes the files, each whole or not at all, mode 0600 in a folder of mode 0700.
 * @param owner the user who is to own them; default: who runs this
 * @throws {RenderError} there is no such user, or the folder cannot be written
 */
export async function writeRendering(
  folder: string,
  files: ReadonlyMap<string, string>,
  owner?: string,
): Promise<void> {
  const ids = owner === undefined ? null : await idsOf(owner);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await chmod(folder, 0o700);
    if (ids) await chown(folder, ids.uid, ids.gid);
    for (const [name, text] of files) {
      await writeFileAtomically(join(folder, name), text, 0o600, ids ?? undefined);
    }
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const remedy =
      owner !== undefined && code === 'EPERM'
        ? 'Only root gives files to another user: run it as root, or leave --owner out.'
        : 'Check the path and who may write there.';
    throw new RenderError(`${folder} cannot be written (${code ?? String(cause)})`, remedy, {
      cause,
    });
  }
}

async function idsOf(owner: string): Promise<{ uid: number; gid: number }> {
  const ask = async (flag: string) =>
    Number((await promisify(execFile)('id', [flag, '--', owner])).stdout);
  try {
    return { uid: await ask('-u'), gid: await ask('-g') };
  } catch (cause) {
    throw new RenderError(
      `there is no user ${JSON.stringify(owner)} on this machine`,
      'Name the user that the broker runs as; the package of Mosquitto makes "mosquitto".',
      { cause },
    );
  }
}
