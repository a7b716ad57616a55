// echolot classify --csv: a file scored with progress and a summary; stopped, it can go on later.
import type { Logger } from 'pino';
import { type ScoreCsvOptions, type ScoreSummary, scoreCsv } from '../devices/score-csv.ts';
import { withClient } from './client.ts';
import type { Context } from './context.ts';
import type { Settings } from './settings.ts';
import { listenForStop } from './stop-signal.ts';

type File = Pick<ScoreCsvOptions, 'input' | 'output' | 'idColumn' | 'labelColumn' | 'timeoutMs'>;

/** Writes the summary as a line of JSON to standard output, and what people read to standard error. */
export async function scoreFile(
  settings: Settings<'client'>,
  file: File,
  log: Logger,
  { stderr, stdout }: Context,
): Promise<void> {
  const stop = listenForStop();
  const interrupted = new AbortController();
  void stop.requested.then(() => interrupted.abort());
  const progress = createProgress((line) => stderr.write(line));
  const summary = await withClient(settings, { encoding: 'cbor', log }, (client, refused) =>
    scoreCsv({
      ...file,
      client,
      signal: AbortSignal.any([interrupted.signal, refused]),
      onProgress: progress,
    }),
  );
  stderr.write(`${describe(summary, file.output)}\n`);
  stdout.write(`${JSON.stringify(summary)}\n`);
}

/** At most one line a second: a log file has no use for more. */
function createProgress(write: (line: string) => void): NonNullable<ScoreCsvOptions['onProgress']> {
  let saidAt = 0;
  return ({ rows, seconds }) => {
    if (seconds - saidAt < 1) return;
    saidAt = seconds;
    write(`${rows} rows, ${Math.round(rows / seconds)} a second\n`);
  };
}

function describe(summary: ScoreSummary, output: string): string {
  const { accuracy, classified, problems, resumed, rows } = summary;
  const failed = Object.entries(problems).map(([code, count]) => `${code} ${count}`);
  return [
    `${output}: ${rows} rows, ${classified} classified`,
    ...(resumed > 0 ? [`${resumed} of them by an earlier run`] : []),
    ...(failed.length > 0 ? [`problems: ${failed.join(', ')}`] : []),
    ...(accuracy === null ? [] : [`accuracy ${(accuracy * 100).toFixed(1)} %`]),
  ].join('; ');
}
