// For tests: a proof of a running broker by the probes of a store, and what it found.
import { createPolicy, type Policy } from '../policy.ts';
import { isFinding, type Judgement } from './judge.ts';
import { loadProbeCredentials, type LoginBy } from './probe-credentials.ts';
import { type Proof, provePolicy } from './prove.ts';

export interface ProofOptions {
  readonly protocol?: 'auto' | '3.1.1' | '5';
  readonly policy?: Policy;
  readonly by?: LoginBy;
  /** Waited for once where a fence is broken; what is denied is judged by fences. */
  readonly patienceMs?: number;
  readonly onJudgement?: (judgement: Judgement) => void;
}

export async function proofOf(
  url: string,
  store: string,
  options: ProofOptions = {},
): Promise<Proof & { readonly findings: Judgement[] }> {
  const {
    by = 'password',
    onJudgement,
    patienceMs = 10_000,
    policy = createPolicy(),
    protocol = 'auto',
  } = options;
  const credentials = await loadProbeCredentials(store, { by, ca: null });
  const told = onJudgement ? { onJudgement } : {};
  const proof = await provePolicy({ url, protocol, policy, credentials, patienceMs, ...told });
  return { ...proof, findings: proof.judgements.filter(isFinding) };
}

/** As lines, so that a failing test names the topic. */
export function told(judgements: readonly Judgement[]): string[] {
  return judgements.map(({ attempt, verdict }) => {
    return `${verdict} ${attempt.role} ${attempt.kind} ${attempt.topic}`;
  });
}
