// Holds the journal to its promise: what died with a life is known in the next one, whatever the files hold.
import { execFileSync } from 'node:child_process';
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { InHandJournal, openInHandJournal } from './in-hand-journal.ts';
import { InHandRecord, keyOf } from './in-hand-record.ts';
import type { DecodedReading } from '../schemas/decode-reading.ts';
import type { RunEntry } from './admitted.ts';
import { lazyFingerprint } from './repeats.ts';

const DIGEST = 'sha256:abc';
/** Of a process that has ended. */
const DEAD_PID = Number(execFileSync(process.execPath, ['-p', 'process.pid']).toString());

let root: string;
let folder: string;
let lines: { level: number; msg: string; readings?: number }[];
let open: InHandJournal[];

const log = pino(
  { level: 'warn' },
  { write: (line: string) => lines.push(JSON.parse(line) as { level: number; msg: string }) },
);

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'echolot-journal-'));
  folder = join(root, 'agents', 'edge-1');
  lines = [];
  open = [];
});
afterEach(() => {
  vi.useRealTimers();
  for (const journal of open) journal.close();
  rmSync(root, { recursive: true });
});

function start(digest = DIGEST): InHandJournal {
  const journal = new InHandJournal({ folder, digest, log });
  open.push(journal);
  return journal;
}

/** Ends a life as kill -9 does: what is in the files stays, under the name of a process that is gone. */
function crash(journal: InHandJournal): void {
  const left = readFileSync(join(folder, `in-hand.${process.pid}`));
  journal.close();
  writeFileSync(join(folder, `in-hand.${DEAD_PID}`), left);
}

function entry(id: string): RunEntry {
  const reading: DecodedReading = {
    id,
    values: Float32Array.from([0.1]),
    rows: 1,
    form: 'single',
    encoding: 'json',
    deadlineMs: null,
  };
  return { client: 'buoy-7', reading, fingerprint: lazyFingerprint('buoy-7', DIGEST, reading) };
}

const [a, b, c] = ['a', 'b', 'c'].map(entry) as [RunEntry, RunEntry, RunEntry];
const standings = (journal: InHandJournal) => [a, b, c].map((one) => journal.standing(one));
const warnings = () => lines.map(({ msg }) => msg);

/** Dies in a run of these. */
function dieIn(...entries: RunEntry[]): void {
  const journal = start();
  journal.begin(entries);
  crash(journal);
}

describe('a journal', () => {
  it('knows in the next life what was in a run when the last one ended, and no more', () => {
    const journal = start();
    journal.begin([c]);
    journal.end([c]);
    journal.begin([a, b]);
    crash(journal);
    expect(standings(start())).toEqual(['suspect', 'suspect', 'free']);
    expect(warnings()).toEqual(['the last life ended while readings were computed']);
  });

  it('has nothing in hand once the answers of a run are out', async () => {
    const journal = start();
    journal.begin([a]);
    journal.end([a]);
    await new Promise((resolve) => setImmediate(resolve));
    crash(journal);
    expect(standings(start())).toEqual(['free', 'free', 'free']);
  });

  it('still has in hand what is computed over a turn of the event loop', async () => {
    const journal = start();
    journal.begin([a]);
    journal.end([a]);
    journal.begin([b]);
    await new Promise((resolve) => setImmediate(resolve));
    crash(journal);
    expect(standings(start())).toEqual(['free', 'suspect', 'free']);
  });

  it('suspects at most what was served in the turn of a death', () => {
    const journal = start();
    journal.begin([a]);
    journal.end([a]);
    crash(journal);
    expect(standings(start())).toEqual(['suspect', 'free', 'free']);
  });

  it('never condemns what was served in the turn of a death, as where another model died', () => {
    dieIn(a, b);
    const journal = start();
    journal.begin([a]);
    journal.end([a]);
    crash(journal);
    expect(standings(start())).toEqual(['free', 'suspect', 'free']);
  });

  it('condemns what died with a second life, alone', () => {
    dieIn(a, b);
    dieIn(a);
    const journal = start();
    expect(standings(journal)).toEqual(['condemned', 'suspect', 'free']);
    journal.refuse(a);
    expect(lines.at(-1)).toMatchObject({ level: 50, client: 'buoy-7', id: 'a' });
  });

  it('counts nothing where a life ended between runs', () => {
    dieIn(a);
    const journal = start();
    journal.begin([a]);
    journal.end([a]);
    crash(journal);
    expect(standings(start())).toEqual(['free', 'free', 'free']);
  });

  it('keeps in mind who was cleared and who was not, over a clean end', () => {
    dieIn(a, b);
    const journal = start();
    journal.begin([a]);
    journal.end([a]);
    journal.close();
    expect(readdirSync(folder)).toEqual(['suspects.json']);
    expect(standings(start())).toEqual(['free', 'suspect', 'free']);
  });

  it('counts each death once', () => {
    dieIn(a);
    start().close();
    expect(standings(start())).toEqual(['suspect', 'free', 'free']);
  });

  it('counts a death once where several lives ended since the last start', () => {
    start().close();
    const alone = new InHandRecord(DIGEST).fill([a]);
    for (const pid of [DEAD_PID, process.pid]) {
      writeFileSync(join(folder, `in-hand.${pid}`), alone);
    }
    expect(standings(start())).toEqual(['suspect', 'free', 'free']);
    expect(lines).toMatchObject([{ readings: 1 }]);
  });

  it('forgives within an hour what has not come again, for good, but not the condemned', () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    dieIn(a, b);
    dieIn(a);
    const journal = start();
    vi.advanceTimersByTime(3_599_000);
    expect(standings(journal)).toEqual(['condemned', 'suspect', 'free']);
    vi.advanceTimersByTime(1000);
    expect(standings(journal)).toEqual(['condemned', 'free', 'free']);
    crash(journal);
    expect(standings(start())).toEqual(['condemned', 'free', 'free']);
  });

  it('forgives what another model has done', () => {
    dieIn(a);
    dieIn(a);
    expect(standings(start('sha256:def'))).toEqual(['free', 'free', 'free']);
  });

  it('takes in what an earlier process by our own number left, as in a container', () => {
    start().close();
    writeFileSync(join(folder, `in-hand.${process.pid}`), new InHandRecord(DIGEST).fill([a]));
    expect(standings(start())).toEqual(['suspect', 'free', 'free']);
  });

  it('leaves alone what an agent by the same name is computing now', () => {
    start().close();
    const path = join(folder, `in-hand.${process.ppid}`);
    writeFileSync(path, new InHandRecord(DIGEST).fill([a]));
    expect(standings(start())).toEqual(['free', 'free', 'free']);
    expect(readFileSync(path).length).toBeGreaterThan(0);
  });

  it('is for nobody else to read', () => {
    dieIn(a);
    start();
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    for (const name of readdirSync(folder)) {
      expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
    }
  });
});

describe('a journal that can be written no more', () => {
  it('says so once, and leaves nothing that blames somebody', () => {
    let isFull = false;
    const write = ((...args: Parameters<typeof writeSync>) => {
      if (isFull) throw new Error('no space left on device');
      return writeSync(...args);
    }) as typeof writeSync;
    const journal = new InHandJournal({ folder, digest: DIGEST, log, write });
    journal.begin([a]);
    isFull = true;
    for (let run = 0; run < 3; run += 1) journal.begin([b]);
    expect(readdirSync(folder)).toEqual([]);
    expect(warnings()).toEqual([expect.stringContaining('can no longer be noted')]);
    journal.close();
    expect(warnings()).toHaveLength(1);
  });
});

describe('what is no journal', () => {
  const GARBAGE: [string, string | Buffer][] = [
    ['text', 'hello'],
    ['null', 'null'],
    ['a list', '[]'],
    ['other deaths', JSON.stringify({ digest: DIGEST, deaths: [['x', 1]] })],
    ['negative deaths', JSON.stringify({ digest: DIGEST, deaths: [['0'.repeat(16), -1]] })],
  ];

  it.each(GARBAGE)('is ignored with a warning: suspects of %s', (_, content) => {
    start().close();
    writeFileSync(join(folder, 'suspects.json'), content);
    expect(standings(start())).toEqual(['free', 'free', 'free']);
    expect(warnings()).toEqual(['state file ignored']);
  });

  it.each(GARBAGE)('is ignored with a warning, and removed: in hand %s', (_, content) => {
    start().close();
    writeFileSync(join(folder, `in-hand.${DEAD_PID}`), content);
    expect(standings(start())).toEqual(['free', 'free', 'free']);
    expect(warnings()).toEqual(['state file ignored']);
    expect(readdirSync(folder)).toEqual([`in-hand.${process.pid}`]);
  });

  it('is ignored where it is larger than any of ours', () => {
    const deaths = [[keyOf(a), 1]];
    start().close();
    const padding = ' '.repeat(2 ** 20);
    writeFileSync(
      join(folder, 'suspects.json'),
      JSON.stringify({ digest: DIGEST, deaths }) + padding,
    );
    const record = Buffer.from(new InHandRecord(DIGEST).fill([b]));
    writeFileSync(
      join(folder, `in-hand.${DEAD_PID}`),
      Buffer.concat([record, Buffer.from(padding)]),
    );
    expect(standings(start())).toEqual(['free', 'free', 'free']);
    expect(warnings()).toEqual(['state file ignored', 'state file ignored']);
  });

  it('is ignored wherever it was cut off', () => {
    dieIn(a, b);
    start().close();
    const whole = readFileSync(join(folder, 'suspects.json'));
    for (let length = 1; length < whole.length; length += 1) {
      writeFileSync(join(folder, 'suspects.json'), whole.subarray(0, length));
      const journal = start();
      expect(standings(journal)).toEqual(['free', 'free', 'free']);
      journal.close();
    }
  });

  it('is ignored where it is a folder', () => {
    start().close();
    execFileSync('mkdir', [join(folder, 'suspects.json'), join(folder, `in-hand.${DEAD_PID}`)]);
    dieIn(a);
    expect(warnings()).toContain('state file ignored');
  });
});

describe('a folder that cannot be used', () => {
  it('is told once, and there is no journal', () => {
    writeFileSync(join(root, 'file'), '');
    const options = { folder: join(root, 'file', 'agents'), digest: DIGEST, log };
    expect(openInHandJournal(options)).toBe(null);
    expect(warnings()).toEqual([expect.stringContaining('Set ECHOLOT_STATE_DIR to a folder')]);
  });
});
