// Who else serves, and whose absence is so long that its session must be adopted, perhaps by us. Pure.
import { createHash } from 'node:crypto';
import type { Status } from '../schemas/messages.ts';
import { SESSION_ENDED } from './goodbye.ts';

export interface AdoptionTimes {
  /** How long an agent must be away, and how long our own connection must stand. */
  readonly graceMs: number;
  /** How long an `online` proves anything: two and a half heartbeats of 30 s. */
  readonly freshMs: number;
  /** How long an agent may be `draining` before it counts as away. */
  readonly drainingMs: number;
}

/** An agent that is away, in the life that left the session. */
export interface Absent {
  readonly agent: string;
  readonly epoch: string;
  readonly models: readonly string[];
}

interface AdoptionOptions {
  readonly self: string;
  readonly group: string;
  /** The models that we serve. */
  readonly models: readonly string[];
  readonly times: AdoptionTimes;
}

interface Member {
  status: Status;
  /** By our clock. */
  receivedMs: number;
  /** Since when it has been in its state. */
  changedMs: number;
  /** The epoch and models of the life whose session is in question. */
  epoch: string;
  models: readonly string[];
  /** Epochs that a later life has followed: their wills come late. */
  former: Set<string>;
  /** Epochs that need no adoption any more. */
  done: Set<string>;
  postponedMs: number;
}

/** A late will is one of the last few lives. */
const MOST_FORMER = 16;

/**
 * Who is highest for an absent agent's epoch is its adopter (rendezvous hashing, highest random weight:
 * Thaler and Ravishankar 1998): all who see the same members agree without a word.
 * @returns SHA-256 in hexadecimal, to be compared as text
 */
export function rendezvousHash(member: string, { agent, epoch }: Pick<Absent, 'agent' | 'epoch'>) {
  return createHash('sha256').update(`${member}\n${agent}\n${epoch}`).digest('hex');
}

/** What the statuses of other agents say of their presence and absence, by the clock of their receipt. */
export class Adoption {
  private readonly options: AdoptionOptions;
  private readonly members = new Map<string, Member>();
  private connectedMs = Number.POSITIVE_INFINITY;

  constructor(options: AdoptionOptions) {
    this.options = options;
  }

  /** Our own connection stands since now: what we did not hear before proves nothing. */
  connected(nowMs: number): void {
    this.connectedMs = nowMs;
  }

  disconnected(): void {
    this.connectedMs = Number.POSITIVE_INFINITY;
  }

  record(status: Status, nowMs: number): void {
    if (status.agent === this.options.self) return;
    const known = this.members.get(status.agent);
    const models = status.models.map(({ name }) => name);
    if (!known) {
      this.members.set(status.agent, {
        status,
        receivedMs: nowMs,
        changedMs: nowMs,
        epoch: status.epoch,
        models,
        former: new Set(),
        done: new Set(),
        postponedMs: Number.NEGATIVE_INFINITY,
      });
      return;
    }
    if (status.state === 'offline' && known.former.has(status.epoch)) return;
    if (status.state !== known.status.state) known.changedMs = nowMs;
    known.status = status;
    known.receivedMs = nowMs;
    // A process that only says why it cannot serve has no models, and leaves the former life's session.
    if (status.state === 'offline' && models.length === 0) return;
    known.models = models;
    if (status.epoch === known.epoch) return;
    known.former.delete(status.epoch);
    known.former.add(known.epoch);
    known.epoch = status.epoch;
    for (const old of [known.former, known.done]) {
      const [first] = old;
      if (old.size > MOST_FORMER && first !== undefined) old.delete(first);
    }
  }

  /** True where other live members of our group serve every one of our models. */
  isCovered(nowMs: number): boolean {
    const live = this.live(nowMs);
    return this.options.models.every((model) => live.some(({ models }) => models.includes(model)));
  }

  /** The absent agent that we are to adopt now, the longest away first. */
  due(nowMs: number): Absent | null {
    const due = [...this.members]
      .filter(([, member]) => this.isDue(member, nowMs))
      .sort(([, one], [, other]) => this.awaySince(one) - this.awaySince(other))
      .map(([agent, member]) => ({
        member,
        absent: { agent, epoch: member.epoch, models: member.models },
      }))
      .find(({ absent, member }) => this.isOurs(absent, member, nowMs));
    return due?.absent ?? null;
  }

  /** False as soon as the agent is back, in whatever life, or has left in peace. */
  isAway({ agent, epoch }: Absent, nowMs: number): boolean {
    const member = this.members.get(agent);
    return member !== undefined && member.epoch === epoch && this.isAbsent(member, nowMs);
  }

  /** This life's session needs no adoption any more, whoever saw to it. */
  settle({ agent, epoch }: Pick<Absent, 'agent' | 'epoch'>): void {
    const member = this.members.get(agent);
    if (member?.epoch === epoch) member.done.add(epoch);
  }

  /** Another try after the grace. */
  postpone({ agent, epoch }: Pick<Absent, 'agent' | 'epoch'>, nowMs: number): void {
    const member = this.members.get(agent);
    if (member?.epoch === epoch) member.postponedMs = nowMs;
  }

  private isDue(member: Member, nowMs: number): boolean {
    const { group, models, times } = this.options;
    if (member.status.group !== group || member.done.has(member.epoch)) return false;
    // A reading for a model that we do not serve would stop the rest: acknowledgements keep their order.
    if (member.models.length === 0 || !member.models.every((name) => models.includes(name)))
      return false;
    if (!this.isAbsent(member, nowMs)) return false;
    return nowMs - this.waitingSince(member) >= times.graceMs;
  }

  private waitingSince(member: Member): number {
    return Math.max(this.awaySince(member), this.connectedMs, member.postponedMs);
  }

  private isAbsent(member: Member, nowMs: number): boolean {
    const { reason, state } = member.status;
    const hasLeft = state === 'offline' && reason === SESSION_ENDED;
    return !hasLeft && nowMs >= this.awaySince(member);
  }

  /** From when on the agent counts as away, perhaps in the future. */
  private awaySince({ changedMs, receivedMs, status }: Member): number {
    const { drainingMs, freshMs } = this.options.times;
    if (status.state === 'online') return receivedMs + freshMs;
    return status.state === 'draining' ? changedMs + drainingMs : changedMs;
  }

  /**
   * The first in the order of the hashes, who may be unable or unwilling; so each further one waits for
   * one grace more.
   */
  private isOurs(absent: Absent, member: Member, nowMs: number): boolean {
    const { self, times } = this.options;
    const own = rendezvousHash(self, absent);
    const rank = this.live(nowMs)
      .filter(({ models }) => absent.models.every((name) => models.includes(name)))
      .filter(({ status }) => rendezvousHash(status.agent, absent) > own).length;
    return nowMs - this.waitingSince(member) >= times.graceMs * (1 + rank);
  }

  /** The others of our group whose word is fresh. */
  private live(nowMs: number): Member[] {
    const { group, times } = this.options;
    return [...this.members.values()].filter(
      ({ receivedMs, status }) =>
        status.state === 'online' && nowMs - receivedMs < times.freshMs && status.group === group,
    );
  }
}
