// Brings back what the journal holds: retained messages, sessions, group messages; and the last wills.
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import type { Journal } from './journal.ts';
import type { Will } from './persistence.ts';
import type { Retained } from './retained.ts';
import type { QueuedPacket, Sessions } from './sessions.ts';
import type { SharedGroups } from './shared-groups.ts';

const Bytes = Type.Unsafe<Uint8Array>(
  Type.Refine(Type.Unknown(), (value) => value instanceof Uint8Array),
);
const Qos = Type.Integer({ minimum: 0, maximum: 2 });
const message = { topic: Type.String(), payload: Bytes };
const retainedRecord = Compile(Type.Object({ ...message, qos: Qos }));
const sessionRecord = Compile(
  Type.Object({
    owner: Type.String(),
    subscriptions: Type.Array(Type.Object({ topic: Type.String(), qos: Qos })),
  }),
);
const queuedRecord = Compile(
  Type.Object({
    ...message,
    qos: Qos,
    cmd: Type.String(),
    brokerId: Type.String(),
    brokerCounter: Type.Number(),
    retain: Type.Boolean(),
    messageId: Type.Optional(Type.Integer({ minimum: 1, maximum: 65_535 })),
  }),
);
const willRecord = Compile(
  Type.Object({
    username: Type.String(),
    will: Type.Object({ ...message, qos: Qos, retain: Type.Boolean() }),
  }),
);
const groupRecord = Compile(
  Type.Object({ ...message, share: Type.String(), retain: Type.Boolean() }),
);

/** @returns the last wills of connections that the end of the broker cut off */
export function restore<Connection>(
  entries: readonly (readonly [string, unknown])[],
  into: {
    readonly sessions: Sessions;
    readonly retained: Retained;
    readonly groups: SharedGroups<Connection>;
    readonly journal: Journal;
  },
): { clientId: string; username: string; will: Will }[] {
  const { groups, journal, retained, sessions } = into;
  const wills: { clientId: string; username: string; will: Will }[] = [];
  const ofKind = (kind: string) => entries.filter(([key]) => key.startsWith(`${kind}/`));

  for (const [, value] of ofKind('r')) {
    if (retainedRecord.Check(value))
      retained.store({ ...value, payload: Buffer.from(value.payload) });
  }
  for (const [key, value] of ofKind('s')) {
    const id = nameIn(key);
    if (id === null || !sessionRecord.Check(value)) continue;
    sessions.restoreSession(id, value.owner, value.subscriptions);
    for (const { topic, qos } of value.subscriptions) {
      if (topic.startsWith('$share/')) groups.restoreMember(topic, id, qos === 0 ? 0 : 1);
    }
  }
  for (const [key, value] of ofKind('q')) {
    const id = nameIn(key);
    const seq = numberIn(key, 2);
    if (id === null || seq === null || !queuedRecord.Check(value)) continue;
    const qos = value.qos as 1 | 2;
    const packet: QueuedPacket = { ...value, qos, payload: Buffer.from(value.payload) };
    sessions.restoreQueued(key, id, seq, packet);
  }
  for (const [key, value] of ofKind('g')) {
    const seq = numberIn(key, 1);
    if (seq === null || !groupRecord.Check(value)) {
      journal.set(key, null);
      continue;
    }
    const { payload, retain, share, topic } = value;
    groups.restoreMessage(share, { topic, payload: Buffer.from(payload), retain, seq });
  }
  for (const [key, value] of ofKind('w')) {
    const clientId = nameIn(key);
    if (clientId === null || !willRecord.Check(value)) continue;
    const will = { ...value.will, payload: Buffer.from(value.will.payload) };
    wills.push({ clientId, username: value.username, will });
  }
  return wills;
}

/** The client id that a key names; `null` where the key is damaged. */
function nameIn(key: string): string | null {
  try {
    return decodeURIComponent(key.split('/')[1] ?? '') || null;
  } catch {
    return null;
  }
}

/** The number of a message in its key; `null` where the key is damaged. */
function numberIn(key: string, index: number): number | null {
  const text = key.split('/')[index] ?? '';
  return /^\d{1,16}$/.test(text) && Number.isSafeInteger(Number(text)) ? Number(text) : null;
}
