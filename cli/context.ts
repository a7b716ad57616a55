// What a command is given of the process: its streams and environment, and where its outcome goes.
import type { Readable } from 'node:stream';
import type { WriteStream } from 'node:tty';
import type { Logger } from 'pino';
import type { Environment } from './settings.ts';

export interface Context {
  readonly env: Environment;
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: NodeJS.WritableStream & Partial<Pick<WriteStream, 'isTTY' | 'columns' | 'rows'>>;
  readonly stderr: Pick<NodeJS.WritableStream, 'write'> & { readonly isTTY?: boolean };
  /** Standard error leads to the journal of systemd; `stderr` marks the priorities of its lines then. */
  readonly isJournal?: boolean;
  /** Set by a command that did not throw. */
  exitCode: number;
  /** Set by services whose log is for machines, so that what ends them stands in it too. */
  log?: Logger;
}
