// A ledger on disk: read as it grows, line by whole line.
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { LedgerLine } from './ledger.ts';
import { LedgerFile } from './ledger-file.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'echolot-ledger-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it('counts what is told and what is open, over lines that are under way', () => {
  const path = join(folder, 'ledger');
  const ledger = new LedgerFile(path);
  expect(ledger.read().lines).toEqual([]);
  const write = (line: LedgerLine) => appendFileSync(path, `${JSON.stringify(line)}\n`);
  write({ at: 1, line: 'hand', id: 'a', row: 0 });
  write({ at: 2, line: 'took', id: 'a' });
  write({ at: 2, line: 'took', id: 'b' });
  appendFileSync(path, '{"at":3,"line":"to');
  expect(ledger.read()).toMatchObject({ told: 0, openCount: 2 });
  expect(ledger.lines).toHaveLength(3);
  appendFileSync(path, 'ld","id":"a","run":1,"code":"TIMEOUT"}\n');
  write({ at: 4, line: 'told', id: 'a', run: 2, code: 'TIMEOUT', again: true });
  expect(ledger.read()).toMatchObject({ told: 1, openCount: 1 });
  expect(ledger.lines).toHaveLength(5);
});

it('says so where a line is none', () => {
  const path = join(folder, 'ledger');
  appendFileSync(path, 'nonsense\n');
  expect(() => new LedgerFile(path).read()).toThrow(SyntaxError);
});
