// The judge: from the callers' ledgers alone to what was lost, wrong or told twice. Pure.
import type { LedgerLine } from './ledger.ts';

export interface ExpectedAnswer {
  readonly label: string;
  readonly score: number;
}

/** What the sum of an agent's books is made of. */
export interface Sample {
  readonly agent: string;
  readonly epoch: string;
  readonly received: number;
  readonly answered: number;
  readonly rejected: number;
  readonly shed: number;
  readonly expired: number;
  readonly repeated: number;
  readonly inHand: number;
}

export interface Evidence {
  readonly ledgers: ReadonlyMap<string, readonly LedgerLine[]>;
  /** By the row of the data, from the same model. */
  readonly expected: readonly ExpectedAnswer[];
  /** Every sample that was seen on the bus. */
  readonly samples: readonly Sample[];
  readonly agents: readonly string[];
  /** Clients whose outbox was not empty within the limit, or that did not end then. */
  readonly unfinished: readonly string[];
  /** Topics of others on which an intruder received something. */
  readonly leaked: readonly string[];
}

export interface Failure {
  readonly kind: 'lost' | 'wrong' | 'twice' | 'unasked' | 'unbalanced' | 'leaked' | 'unproved';
  /** Of a client or an agent. */
  readonly name: string;
  readonly id?: string;
  readonly detail: string;
}

export interface Verdict {
  /** Readings given to `publish`. */
  readonly handed: number;
  /** Kept by the outbox, or told an outcome all the same. */
  readonly kept: number;
  /** The process died before `publish` said anything, and no outcome came: nothing was promised. */
  readonly unpromised: number;
  readonly predictions: number;
  /** Outcomes that say why there is no prediction, by code; what `publish` refused among them. */
  readonly problems: Readonly<Record<string, number>>;
  /** Outcomes told again by the process after one that was killed, the same as before. */
  readonly retold: number;
  readonly samples: number;
  readonly failures: readonly Failure[];
}

/** Scores of one row in different batches differ by rounding. */
const SCORE_TOLERANCE = 1e-4;
/** From telling to forgetting; a full disk holds that up. Who dies later has told it twice. */
const FORGET_MS = 15_000;

export function judge(evidence: Evidence): Verdict {
  const { agents, expected, leaked, ledgers, samples, unfinished } = evidence;
  const failures: Failure[] = [];
  const tally = { handed: 0, kept: 0, unpromised: 0, predictions: 0, retold: 0 };
  const problems: Record<string, number> = {};
  for (const [name, lines] of ledgers) {
    const readings = gather(lines);
    for (const [id, reading] of readings) {
      const fail = (kind: Failure['kind'], detail: string) =>
        failures.push({ kind, name, id, detail });
      judgeReading(reading, expected, runsOf(lines), fail);
      const { hand, refused, told, took } = reading;
      if (hand) tally.handed += 1;
      if (took || told.length > 0) tally.kept += 1;
      else if (!refused) tally.unpromised += 1;
      tally.retold += Math.max(0, told.length - 1);
      const code = refused?.code ?? told[0]?.code;
      if (code !== undefined) problems[code] = (problems[code] ?? 0) + 1;
      else if (told.length > 0) tally.predictions += 1;
    }
  }
  if (tally.predictions === 0) {
    const detail = 'not one reading was answered with a prediction: the run proves nothing';
    failures.push({ kind: 'unproved', name: 'all', detail });
  }
  for (const name of unfinished) {
    failures.push({ kind: 'unproved', name, detail: 'its outbox was not empty within the limit' });
  }
  for (const topic of leaked) {
    failures.push({ kind: 'leaked', name: 'intruder', detail: `received something on ${topic}` });
  }
  failures.push(...judgeBooks(samples, agents));
  return { ...tally, problems, samples: samples.length, failures };
}

type Of<Name extends LedgerLine['line']> = Extract<LedgerLine, { line: Name }>;

interface Reading {
  hand: Of<'hand'> | null;
  took: Of<'took'> | null;
  refused: Of<'refused'> | null;
  readonly told: Of<'told'>[];
  /** In which process of the caller it was handed over. */
  run: number;
}

function gather(lines: readonly LedgerLine[]): Map<string, Reading> {
  const readings = new Map<string, Reading>();
  let run = 0;
  for (const entry of lines) {
    if (entry.line === 'start') run = entry.run;
    if (!('id' in entry)) continue;
    const reading = readings.get(entry.id) ?? {
      hand: null,
      took: null,
      refused: null,
      told: [],
      run,
    };
    readings.set(entry.id, reading);
    if (entry.line === 'hand') reading.hand = entry;
    else if (entry.line === 'took') reading.took = entry;
    else if (entry.line === 'refused') reading.refused = entry;
    else reading.told.push(entry);
  }
  return readings;
}

/** When each process of the caller was over at the latest; it was killed unless it was the last. */
function runsOf(lines: readonly LedgerLine[]): Map<number, number> {
  const over = new Map<number, number>();
  for (const entry of lines) {
    if (entry.line === 'start' && entry.run > 1) over.set(entry.run - 1, entry.at);
  }
  return over;
}

function judgeReading(
  { hand, refused, run, told, took }: Reading,
  expected: readonly ExpectedAnswer[],
  over: ReadonlyMap<number, number>,
  fail: (kind: Failure['kind'], detail: string) => void,
): void {
  if (!hand) {
    fail('unasked', 'an outcome for a reading that was never handed over');
    return;
  }
  if (refused && told.length > 0) fail('twice', `refused (${refused.code}), and then told`);
  if (took && told.length === 0) fail('lost', `taken at ${hand.at}, no outcome ever`);
  if (!took && !refused && told.length === 0) {
    const overAt = over.get(run);
    if (overAt === undefined) fail('lost', '`publish` never said whether it was kept');
    else if (overAt - hand.at > FORGET_MS) fail('lost', '`publish` said nothing for very long');
  }
  for (const [at, outcome] of told.entries()) {
    const wrong = describeWrong(outcome, expected[hand.row]);
    if (wrong !== null) fail('wrong', wrong);
    const before = told[at - 1];
    if (!before) continue;
    const overAt = over.get(before.run);
    if (before.run === outcome.run || overAt === undefined) {
      fail('twice', `told twice by one process (${describe(before)}, ${describe(outcome)})`);
    } else if (overAt - before.at > FORGET_MS) {
      fail('twice', `told again, though its process lived ${Math.round(overAt - before.at)} ms on`);
    } else if (describe(before) !== describe(outcome)) {
      fail('twice', `told again otherwise (${describe(before)}, ${describe(outcome)})`);
    }
  }
}

function describeWrong(outcome: Of<'told'>, right: ExpectedAnswer | undefined): string | null {
  if (outcome.code !== undefined) return null;
  const isRight =
    right !== undefined &&
    outcome.label === right.label &&
    Math.abs((outcome.score ?? Number.NaN) - right.score) <= SCORE_TOLERANCE;
  return isRight
    ? null
    : `told ${outcome.label} ${outcome.score}, the model says ${right?.label} ${right?.score}`;
}

function describe({ code, label }: Of<'told'>): string {
  return code ?? label ?? '';
}

function judgeBooks(samples: readonly Sample[], agents: readonly string[]): Failure[] {
  const failures: Failure[] = [];
  for (const name of agents) {
    if (samples.some(({ agent }) => agent === name)) continue;
    failures.push({ kind: 'unproved', name, detail: 'no sample of its books was seen' });
  }
  for (const { agent, epoch, ...counts } of samples) {
    const { answered, expired, inHand, received, rejected, repeated, shed } = counts;
    const sum = answered + rejected + shed + expired + repeated + inHand;
    if (sum === received) continue;
    const columns = `answered ${answered} + rejected ${rejected} + shed ${shed} + expired ${expired} + repeated ${repeated} + inHand ${inHand}`;
    const detail = `epoch ${epoch}: received ${received}, but ${columns} = ${sum}`;
    failures.push({ kind: 'unbalanced', name: agent, detail });
  }
  return failures;
}
