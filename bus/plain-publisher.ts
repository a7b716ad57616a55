// The way of an answer onto the wire: a PUBLISH without properties, in one buffer and one write.
import type { Protocol } from './types.ts';

/** Who hands out packet identifiers; mqtt.js and we share one, so that none is in use twice. */
interface MessageIds {
  /** `null` where all are in use. */
  allocate(): number | null;
  deallocate(messageId: number): void;
}

type Acknowledged = (error?: Error | null) => void;

/** A PUBACK of a message of ours. */
interface Received {
  readonly messageId: number;
  readonly reasonCode: number;
  readonly acknowledged: Acknowledged;
}

/**
 * Publishes around mqtt.js's own `publish`, whose store, copies and seven small writes for each message cost
 * more than the rest of an answer's way: docs/decisions/0006. It dies with its connection.
 */
export class PlainPublisher {
  private readonly write: (bytes: Buffer, written?: Acknowledged) => void;
  private readonly ids: MessageIds;
  private readonly protocol: Protocol;
  /** PUBACKs of ours that are not yet told, in turn. */
  private received: Received[] = [];
  /** By packet identifier, of which the lowest are handed out first. No `Map`, for the reason in outgoing.ts. */
  private readonly unacknowledged: (Acknowledged | undefined)[] = [];

  constructor(
    write: (bytes: Buffer, written?: Acknowledged) => void,
    ids: MessageIds,
    protocol: Protocol,
  ) {
    this.write = write;
    this.ids = ids;
    this.protocol = protocol;
  }

  /** @param acknowledged called once: at QoS 1 with the PUBACK, at QoS 0 when it is written */
  publish(topic: string, payload: Buffer, qos: 0 | 1, acknowledged: Acknowledged): void {
    if (qos === 0) {
      this.write(encodePublish(topic, payload, null, this.protocol), acknowledged);
      return;
    }
    const messageId = this.ids.allocate();
    if (messageId === null) {
      acknowledged(new Error('all packet identifiers are in use'));
      return;
    }
    this.unacknowledged[messageId] = acknowledged;
    this.write(encodePublish(topic, payload, messageId, this.protocol));
  }

  /**
   * Takes a PUBACK in; those of others are none of ours. Whose it is shows only now: mqtt.js frees the identifiers
   * of its own messages at once, and one may be ours a moment later. What it means is told in a microtask, when
   * mqtt.js has had its look: the identifier that is freed then may go to a message of mqtt.js's own, which would
   * take this for its acknowledgement.
   */
  receive(messageId: number, reasonCode = 0): void {
    const acknowledged = this.unacknowledged[messageId];
    if (!acknowledged) return;
    this.unacknowledged[messageId] = undefined;
    if (this.received.length === 0) queueMicrotask(this.tell);
    this.received.push({ messageId, reasonCode, acknowledged });
  }

  private readonly tell = (): void => {
    const { received } = this;
    this.received = [];
    for (const { acknowledged, messageId, reasonCode } of received) {
      this.ids.deallocate(messageId);
      // 0x10: accepted, though nobody subscribes.
      acknowledged(reasonCode < 0x80 ? null : new PublishRefusedError(reasonCode));
    }
  };
}

class PublishRefusedError extends Error {
  readonly code: number;

  constructor(code: number) {
    super('the broker refused the message');
    this.code = code;
  }
}

/**
 * MQTT 3.1.1, 3.3 and MQTT 5, 3.3: neither retained nor a duplicate.
 * @param messageId `null` for QoS 0
 */
export function encodePublish(
  topic: string,
  payload: Buffer,
  messageId: number | null,
  protocol: Protocol,
): Buffer {
  const topicBytes = Buffer.byteLength(topic);
  const idBytes = messageId === null ? 0 : 2;
  const propertyBytes = protocol === '5' ? 1 : 0;
  const remaining = 2 + topicBytes + idBytes + propertyBytes + payload.length;
  const lengthBytes = remaining < 0x80 ? 1 : remaining < 0x4000 ? 2 : remaining < 0x20_0000 ? 3 : 4;
  const bytes = Buffer.allocUnsafe(1 + lengthBytes + remaining);
  // Without the checks of `writeUInt8` and its like: this is on the way of every answer.
  bytes[0] = messageId === null ? 0x30 : 0x32;
  for (let left = remaining, index = 1; index <= lengthBytes; index += 1) {
    bytes[index] = (left & 0x7f) | (index < lengthBytes ? 0x80 : 0);
    left >>>= 7;
  }
  let offset = 1 + lengthBytes;
  bytes[offset] = topicBytes >>> 8;
  bytes[offset + 1] = topicBytes;
  bytes.write(topic, offset + 2);
  offset += 2 + topicBytes;
  if (messageId !== null) {
    bytes[offset] = messageId >>> 8;
    bytes[offset + 1] = messageId;
    offset += 2;
  }
  if (protocol === '5') bytes[offset++] = 0;
  bytes.set(payload, offset);
  return bytes;
}
