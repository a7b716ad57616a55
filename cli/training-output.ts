// Where training and evaluation write: results to standard output, progress to standard error.
import type { CommandOutput } from '../models/train/commands.ts';
import type { Context } from './context.ts';

/** At a terminal progress is one line that moves; elsewhere it is one line per model. */
export function trainingOutput({ stderr, stdout }: Context): CommandOutput {
  const moves = 'isTTY' in stderr && stderr.isTTY === true;
  let model = '';
  return {
    result: (text) => stdout.write(text),
    progress(line) {
      if (moves) {
        stderr.write(`\r\u001B[K${line}`);
        return;
      }
      const [name = ''] = line.split(':');
      if (name !== model && name !== '') stderr.write(`${line}\n`);
      model = name;
    },
  };
}
