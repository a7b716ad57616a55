// The topics that the probes may publish, and what each of them may do with them: what plans are made of.
import { coversFilter, parseSharedFilter } from '../../schemas/filters.ts';
import { SELF_CHECK_MODEL } from '../../schemas/names.ts';
import { decide, expandRule, type Policy, type Principal } from '../policy.ts';
import { PROBE_MODEL, PROBES } from '../probes.ts';

/** A name that no probe bears: somebody, or some model, outside. */
export const OUTSIDER = `${PROBE_MODEL}-outsider`;

/** The kinds of topics below `{namespace}/v1`, those first that no agent and no client listens to. */
export const KINDS = [
  'truth',
  'scores',
  'replies',
  'readings',
  'drift',
  'control',
  'work',
  'alerts',
  'models',
  'agents',
] as const;

const PEOPLE = [...PROBES.map(({ name }) => name), PROBE_MODEL];
/** Those last that every agent listens to. */
const ENDS = [PROBE_MODEL, SELF_CHECK_MODEL, OUTSIDER, 'request', 'stats', 'adopting', 'status'];

/** One right of one probe, as a filter; `exact` as in the policy. */
export interface Right {
  readonly verb: 'publish' | 'receive';
  readonly filter: string;
  readonly exact: boolean;
}

/** What the probes can do under a policy. Pure; computed once. */
export class Universe {
  readonly policy: Policy;
  /** Every topic that some probe may publish, the quiet ones first. */
  private readonly topics: readonly { readonly topic: string; readonly writers: string[] }[];

  constructor(policy: Policy) {
    this.policy = policy;
    // Those of the contract, and where a policy has more, what its rules have with our own names.
    const rights = PROBES.flatMap((probe) => this.rightsOf(probe));
    const more = rights.map(({ filter }) => plainFilter(filter).replace(/[+#]/g, PROBE_MODEL));
    this.topics = [...new Set([...everyTopic(policy), ...more])]
      .map((topic) => ({ topic, writers: namesOf((probe) => this.may(probe, 'publish', topic)) }))
      .filter(({ writers }) => writers.length > 0);
  }

  may(probe: Principal, verb: 'publish' | 'subscribe' | 'receive', topic: string): boolean {
    return decide(this.policy, probe, verb, topic).allowed;
  }

  rightsOf(probe: Principal): Right[] {
    return this.policy.rules
      .filter(({ role }) => role === probe.role)
      .flatMap((rule) =>
        expandRule(this.policy, probe, rule).map((filter) => ({
          verb: rule.verb,
          filter,
          exact: rule.exact ?? false,
        })),
      );
  }

  /** Who may see a topic that is published: by a plain subscription to it, and nothing else. */
  watchersOf(topic: string): string[] {
    return namesOf((probe) => this.may(probe, 'subscribe', topic));
  }

  writersOf(topic: string): string[] {
    return this.topics.find((each) => each.topic === topic)?.writers ?? [];
  }

  /** Topics that some probe may publish and the filter, shared or not, matches; the quiet ones first. */
  within(filter: string): string[] {
    const plain = plainFilter(filter);
    return this.topics.map(({ topic }) => topic).filter((topic) => coversFilter(plain, topic));
  }
}

/** The filter inside a shared subscription; any other as it is. */
export function plainFilter(filter: string): string {
  return parseSharedFilter(filter)?.filter ?? filter;
}

/** Whether the filter takes a share of what a group is given. */
export function isShared(filter: string): boolean {
  return parseSharedFilter(filter) !== null;
}

function namesOf(isOne: (probe: Principal) => boolean): string[] {
  return PROBES.filter(isOne).map(({ name }) => name);
}

function everyTopic({ namespace }: Policy): string[] {
  const ends = ENDS.flatMap((end) =>
    KINDS.flatMap((kind) => [
      `${kind}/${end}`,
      ...PEOPLE.flatMap((person) => [
        `${kind}/${person}/${end}`,
        `${kind}/${person}/${end}/${end}`,
      ]),
    ]),
  );
  return ends.map((end) => `${namespace}/v1/${end}`);
}
