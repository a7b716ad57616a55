// The judge: what was seen of an attempt, held against what the policy says.
import type { Attempt } from './attempt.ts';

/** What was seen of one attempt. */
export interface Observation {
  /** It had its effect: the message came, the victim lost its connection, the stranger was let in. */
  readonly arrived: boolean;
  /** A fence came after it, so that what had not arrived by then was not let through. */
  readonly fenced: boolean;
  /** Some probe could have seen the effect. */
  readonly watched: boolean;
  /** The broker's own word: a reason code, from 128 on a refusal; `null`: there was none. */
  readonly code: number | null;
  readonly note?: string;
}

/** What is known of the broker. */
export interface BrokerTraits {
  readonly protocol: '3.1.1' | '5';
  readonly isMosquitto: boolean;
}

/**
 * `LEAK`: denied by the policy, let through. `BLOCKED`: allowed, not let through. `UNPROVED`: no fence
 * came, so nothing is known. `unseen`: no probe may watch there and the broker says nothing either.
 * `limit`: let through, and known to be so on this broker.
 */
export type Verdict = 'ok' | 'LEAK' | 'BLOCKED' | 'UNPROVED' | 'unseen' | 'limit';

export interface Judgement {
  readonly attempt: Attempt;
  readonly found: 'allowed' | 'denied' | 'unknown';
  readonly verdict: Verdict;
  /** Why, where it is not plain. */
  readonly detail: string;
}

/** True where the proof fails. */
export function isFinding({ verdict }: Judgement): boolean {
  return verdict === 'LEAK' || verdict === 'BLOCKED' || verdict === 'UNPROVED';
}

const REFUSED = 128;
/** What is noted of a listener that takes nobody's client id. */
export const BOUND = 'this listener gives everybody the username as client id';
const TAKE_OVER_LIMIT = 'Mosquitto binds a username to a client id, but no client id to a username';

export function judge(attempt: Attempt, observation: Observation, traits: BrokerTraits): Judgement {
  const judgement = attempt.expected === 'allowed' ? judgeAllowed : judgeDenied;
  const [verdict, found, detail] = judgement(attempt, observation, traits);
  return { attempt, found, verdict, detail: detail || (observation.note ?? '') };
}

type Finding = readonly [Verdict, Judgement['found'], string];

function judgeAllowed({ kind }: Attempt, { arrived, code, note, watched }: Observation): Finding {
  if (kind === 'take-over' && note === BOUND) {
    return ['limit', 'denied', `${BOUND}: predictors adopt through another one`];
  }
  const isRefused = code !== null && code >= REFUSED;
  if (kind === 'subscribe' && isRefused) {
    return ['BLOCKED', 'denied', `the subscription was refused (code ${code})`];
  }
  if (arrived) return ['ok', 'allowed', ''];
  if (watched) return ['BLOCKED', 'denied', isRefused ? `refused (code ${code})` : 'nothing came'];
  if (isRefused) return ['BLOCKED', 'denied', `refused (code ${code})`];
  return ['ok', 'allowed', 'by the word of the broker: no probe may show it'];
}

function judgeDenied(
  { kind, role }: Attempt,
  { arrived, code, fenced, watched }: Observation,
  { isMosquitto, protocol }: BrokerTraits,
): Finding {
  const isAccepted = code !== null && code < REFUSED;
  if (arrived) {
    const isKnown = kind === 'take-over' && role === 'predictor' && isMosquitto;
    return isKnown ? ['limit', 'allowed', TAKE_OVER_LIMIT] : ['LEAK', 'allowed', ''];
  }
  if (kind === 'subscribe' && isAccepted) {
    return ['LEAK', 'allowed', 'the subscription was granted, though nothing came of it'];
  }
  if (watched) return fenced ? ['ok', 'denied', ''] : ['UNPROVED', 'unknown', 'no fence came'];
  if (kind === 'subscribe') return ['ok', 'denied', 'by the word of the broker'];
  if (protocol === '3.1.1' || code === null)
    return ['unseen', 'unknown', 'no probe may watch there'];
  if (!isAccepted) return ['ok', 'denied', 'by the word of the broker'];
  return ['LEAK', 'allowed', 'accepted, where no probe may watch'];
}
