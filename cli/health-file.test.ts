import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Logger, pino } from 'pino';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { openHealthFile } from './health-file.ts';
import { judgeReport, monotonicMs } from './health-report.ts';

const folder = mkdtempSync(join(tmpdir(), 'echolot-health-'));
const path = join(folder, 'health');
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
});

const silent = pino({ enabled: false });
const SERVING = { isLive: true, isReady: true, status: 'serving' };
const ask = () => judgeReport(readFileSync(path, 'utf8'), 'ready', monotonicMs());

function collect(): { log: Logger; lines: string[] } {
  const lines: string[] = [];
  return { lines, log: pino({ base: null }, { write: (line: string) => void lines.push(line) }) };
}

describe('the health file', () => {
  it('is there from the opening on, holds the last report, and is gone at the end', () => {
    const file = openHealthFile(path, silent);
    expect(ask()).toEqual({ isWell: false, detail: 'loading the model' });
    file?.tell(SERVING);
    expect(ask()).toEqual({ isWell: true, detail: 'serving' });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['health']);
    file?.remove();
    expect(existsSync(path)).toBe(false);
  });

  it('is written again every 10 s until the agent is up: one that is frozen grows old', () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    try {
      const file = openHealthFile(path, silent);
      const isWritten = () => {
        rmSync(path, { force: true });
        vi.advanceTimersByTime(10_000);
        return existsSync(path);
      };
      expect([isWritten(), ask().detail]).toEqual([true, 'loading the model']);
      file?.starting('waiting for the broker');
      expect(ask().detail).toBe('waiting for the broker');
      expect([isWritten(), ask().detail]).toEqual([true, 'waiting for the broker']);
      file?.tell(SERVING);
      expect(isWritten()).toBe(false);
      openHealthFile(path, silent)?.remove();
      expect(isWritten()).toBe(false);
    } finally {
      vi.useRealTimers();
    }
  });

  it('is never written through a link that somebody has laid', () => {
    const other = join(folder, 'other');
    writeFileSync(other, 'theirs');
    for (const name of [path, `${path}.new`]) symlinkSync(other, name);
    openHealthFile(path, silent)?.tell(SERVING);
    expect(ask().isWell).toBe(true);
    expect(readFileSync(other, 'utf8')).toBe('theirs');
    expect(lstatSync(path).isFile()).toBe(true);
  });

  it('is not there where none is wanted', () => {
    expect(openHealthFile(null, silent)).toBeNull();
  });

  it('that cannot be written is refused at the start', () => {
    expect(() => openHealthFile(join(folder, 'no', 'health'), silent)).toThrow(
      expect.objectContaining({
        message: `the file ${join(folder, 'no', 'health')} of --health-file cannot be written (ENOENT)`,
        code: 'HEALTH_FILE_UNUSABLE',
        exitCode: 78,
      }),
    );
  });

  it('that cannot be written any more is told once until it can', () => {
    const { lines, log } = collect();
    const file = openHealthFile(path, log);
    mkdirSync(`${path}.new`);
    file?.tell(SERVING);
    file?.tell(SERVING);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('the health file cannot be written');
    rmSync(`${path}.new`, { recursive: true });
    file?.tell(SERVING);
    expect(ask().isWell).toBe(true);
    mkdirSync(`${path}.new`);
    file?.tell(SERVING);
    expect(lines).toHaveLength(2);
  });
});
