// The outcome of a proof for people and scripts: the matrix, the findings, and what has proved what.
import { PROBES } from '../probes.ts';
import type { Difference } from './deployed-rights.ts';
import { isFinding, type Judgement, type Verdict } from './judge.ts';
import type { Proof } from './prove.ts';

/** The matrix: who tried what, what the policy says, and what was found. The first row is the head. */
export function matrixRows(judgements: readonly Judgement[]): string[][] {
  return [
    ['ROLE', 'PROBE', 'ATTEMPT', 'TOPIC', 'POLICY', 'FOUND', 'VERDICT'],
    ...judgements.map(({ attempt, found, verdict }) => {
      const { expected, kind, role, topic, who } = attempt;
      return [role, who, kind, topic || '-', expected, found, verdict];
    }),
  ];
}

/** One line for each finding and each known limit, those that count first. */
export function findingLines(judgements: readonly Judgement[]): string[] {
  const limits = judgements.filter(({ verdict }) => verdict === 'limit');
  return [...judgements.filter(isFinding), ...limits].map(({ attempt, detail, verdict }) => {
    const { expected, kind, role, rules, topic, who } = attempt;
    const rule = rules.filter((each) => each !== topic);
    const isRight = expected === 'allowed';
    const why = [
      ...(detail ? [detail] : []),
      ...(rule.length > 0
        ? [`${isRight ? 'its right' : 'beside its right'} ${rule.join(', ')}`]
        : []),
    ];
    const name = verdict === 'limit' ? 'known limit' : verdict;
    const what = `${who} (${role}): ${kind} ${topic}`.trimEnd();
    return `${name}: ${what}, which the policy has ${expected}${why.map((each) => `; ${each}`).join('')}`;
  });
}

/** One line for each difference between what is deployed and what would be rendered. */
export function differenceLines(differences: readonly Difference[]): string[] {
  const order = { wider: 0, other: 1, narrower: 2, unknown: 3 };
  return [...differences]
    .sort((one, other) => order[one.kind] - order[other.kind])
    .map(({ detail, kind, what, where }) => {
      return `${NAMES[kind]}: ${where}: ${[what, detail].filter(Boolean).join(': ')}`;
    });
}

const NAMES = {
  wider: 'WIDER',
  other: 'DIFFERENT',
  narrower: 'NARROWER',
  unknown: 'not compared',
} as const;

/** What the probes have proved, and what they have not. */
export function proofLine({ broker, judgements }: Proof): string {
  const count = (...verdicts: Verdict[]) =>
    judgements.filter(({ verdict }) => verdicts.includes(verdict)).length;
  const counts = [
    `${count('ok')} as the policy has it`,
    `${count('LEAK')} leaks`,
    `${count('BLOCKED')} blocked`,
    ...(count('UNPROVED') ? [`${count('UNPROVED')} unproved`] : []),
    ...(count('limit') ? [`${count('limit')} known limits of this broker`] : []),
    ...(count('unseen') ? [`${count('unseen')} where no probe may watch`] : []),
  ];
  const name = broker.version ?? 'a broker that does not tell its version';
  return `the running broker (${name}, MQTT ${broker.protocol}), by ${PROBES.length} probes: ${judgements.length} attempts: ${counts.join(', ')}`;
}

/** True where the comparison fails. */
export function isDifferent({ kind }: Difference): boolean {
  return kind !== 'unknown';
}

/** What the comparison has proved, and what it has not. */
export function comparisonLine(
  folder: string,
  { differences, rules }: { readonly differences: readonly Difference[]; readonly rules: number },
): string {
  const unknown = differences.filter(({ kind }) => kind === 'unknown').length;
  const count = differences.length - unknown;
  const found = [
    count === 0 ? 'no difference' : `${count} ${count === 1 ? 'difference' : 'differences'}`,
    ...(unknown > 0 ? [`${unknown} not compared`] : []),
  ].join(', ');
  return `the files in ${folder}, by comparing them with a rendering of the store: ${rules} rules of all identities: ${found}`;
}
