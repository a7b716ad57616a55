// Retained messages, bounded in number and in bytes. No IO but the journal.
import { matchesFilter } from '../schemas/filters.ts';
import type { Journal } from './journal.ts';

export interface RetainedMessage {
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: number;
}

export interface RetainedLimits {
  readonly messages: number;
  /** Of topics and payloads. */
  readonly bytes: number;
}

export class Retained {
  private readonly limits: RetainedLimits;
  private readonly journal: Journal;
  private readonly byTopic = new Map<string, RetainedMessage>();
  private bytes = 0;

  constructor(limits: RetainedLimits, journal: Journal) {
    this.limits = limits;
    this.journal = journal;
  }

  /** An empty payload deletes. False where there is no room: what was stored before stays. */
  store(message: RetainedMessage): boolean {
    const { topic, payload, qos } = message;
    const before = this.byTopic.get(topic);
    const freed = before ? sizeOf(before) : 0;
    if (payload.length === 0) {
      if (!before) return true;
      this.byTopic.delete(topic);
      this.journal.set(`r/${topic}`, null);
    } else {
      const added = sizeOf(message);
      const isFull = !before && this.byTopic.size >= this.limits.messages;
      if (isFull || this.bytes - freed + added > this.limits.bytes) return false;
      const kept = { topic, payload, qos };
      this.byTopic.set(topic, kept);
      this.journal.set(`r/${topic}`, kept);
      this.bytes += added;
    }
    this.bytes -= freed;
    return true;
  }

  /** Those of any of the filters, each once. */
  matching(filters: readonly string[]): RetainedMessage[] {
    return [...this.byTopic.values()].filter(({ topic }) =>
      filters.some((filter) => matchesFilter(filter, topic)),
    );
  }
}

function sizeOf({ topic, payload }: RetainedMessage): number {
  return topic.length + payload.length;
}
