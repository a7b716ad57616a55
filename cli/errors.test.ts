import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { CLIENT_PROBLEMS, type ProblemCode } from '../schemas/problems.ts';
import { CliError, problemExitCode, problemText, reportFailure } from './errors.ts';

function report(error: unknown) {
  let text = '';
  const code = reportFailure(error, { stderr: { write: (part: string) => (text += part) } });
  return { code, text };
}

describe('reportFailure', () => {
  it('gives the message, the remedy and the exit code of an error that has them', () => {
    const error = Object.assign(new Error('refused'), { exitCode: 77, remedy: 'do this' });
    expect(report(error)).toEqual({ code: 77, text: 'error: refused\nhint: do this\n' });
    expect(report(new CliError('wrong', 'right')).code).toBe(64);
  });

  it('is told to the log of a service too, and nowhere else where that is the journal', () => {
    const lines: string[] = [];
    let text = '';
    const log = pino({}, { write: (line: string) => lines.push(line) });
    const stderr = { write: (part: string) => (text += part) };
    reportFailure(new CliError('wrong', 'right\n'), { stderr, log });
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      expect.objectContaining({ level: 60, code: 'USAGE', exitCode: 64, hint: 'right' }),
    ]);
    expect(text).toBe('error: wrong\nhint: right\n');
    reportFailure(new CliError('wrong', 'right'), { stderr, log, isJournal: true });
    expect([lines.length, text]).toEqual([2, 'error: wrong\nhint: right\n']);
  });

  it('is told in words where the journal has no log of the process yet', () => {
    let text = '';
    const stderr = { write: (part: string) => (text += part) };
    reportFailure(new CliError('wrong', 'right'), { stderr, isJournal: true });
    expect(text).toBe('error: wrong\nhint: right\n');
  });

  it('names the flag where a port is busy', () => {
    const error = Object.assign(new Error('busy'), {
      code: 'PORT_BUSY',
      remedy: 'x',
      exitCode: 78,
    });
    expect(report(error).text).toContain('--port');
  });

  it('has a remedy for what the operating system refuses', () => {
    const error = Object.assign(new Error('ENOENT: no such file'), { code: 'ENOENT' });
    expect(report(error)).toEqual({
      code: 78,
      text: 'error: ENOENT: no such file\nhint: Check the path.\n',
    });
  });

  it.each(['ENOENT', 'EACCES', 'EPERM', 'ENOSPC', 'EISDIR', 'EEXIST', 'ENOTDIR'])(
    'leaves nobody without a hint at %s',
    (code) => {
      expect(report(Object.assign(new Error('no'), { code })).text).toMatch(/\nhint: .+\n$/);
    },
  );

  it('shows where a defect is', () => {
    const { code, text } = report(new TypeError('x is not a function'));
    expect(code).toBe(1);
    expect(text).toContain('error: x is not a function\nhint: this is a defect');
    expect(text).toContain('errors.test.ts');
  });

  it('passes on nothing that would drive a terminal', () => {
    expect(report(new CliError('a\nb\u001b[2Jc', 'd\u202ee')).text).toBe(
      'error: a b [2Jc\nhint: d e\n',
    );
  });

  it('takes what is no error', () => {
    expect(report('text')).toEqual({ code: 1, text: 'error: text\n' });
  });
});

describe('a problem', () => {
  it.each<[ProblemCode, number]>([
    ['VALUES_WRONG_LENGTH', 1],
    ['MODEL_FAILED', 1],
    ['NAME_INVALID', 64],
    ['NOT_CONNECTED', 69],
    ['MODEL_UNKNOWN', 69],
    ['TIMEOUT', 75],
    ['OVERLOADED', 75],
    ['OUTBOX_FULL', 75],
  ])('%s ends the command with exit %i', (code, exitCode) => {
    expect(problemExitCode({ code, detail: '' })).toBe(exitCode);
  });

  it('is told with its code, its row and what to do', () => {
    expect(problemText({ code: 'TIMEOUT', detail: 'no answer', row: 3 })).toBe(
      `error: TIMEOUT: no answer (row 3)\nhint: ${CLIENT_PROBLEMS.TIMEOUT}\n`,
    );
  });
});
