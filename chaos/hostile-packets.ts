// The few MQTT 3.1.1 packets that an intruder writes itself: no library keeps it from doing wrong.
import { publishHeader } from '../broker/publish-packet.ts';

export interface Login {
  readonly clientId: string;
  readonly username: string;
  readonly password: string;
}

const KEEP_ALIVE_SECONDS = 30;
/** User name, password, clean session (3.1.2.3). */
const CONNECT_FLAGS = 0b1100_0010;

export function connectPacket({ clientId, password, username }: Login): Buffer {
  const version = [4, CONNECT_FLAGS, 0, KEEP_ALIVE_SECONDS];
  const texts = [clientId, username, password].map(text);
  return packet(0x10, [text('MQTT'), Buffer.from(version), ...texts]);
}

/** At QoS 1. */
export function subscribePacket(packetId: number, filter: string): Buffer {
  return packet(0x82, [twoBytes(packetId), text(filter), Buffer.from([1])]);
}

/** @param packetId of QoS 1; `null`: at QoS 0 */
export function publishPacket(
  message: { readonly topic: string; readonly payload: Buffer; readonly retain: boolean },
  packetId: number | null,
): Buffer {
  const qos = packetId === null ? 0 : 1;
  const header = publishHeader(message, { qos, messageId: packetId ?? 0, dup: false });
  return Buffer.concat([header, message.payload]);
}

export function pubackPacket(packetId: Buffer): Buffer {
  return packet(0x40, [packetId]);
}

/** Bodies of up to 16,383 bytes. */
function packet(first: number, body: readonly Buffer[]): Buffer {
  const length = body.reduce((sum, { length }) => sum + length, 0);
  const header = length < 128 ? [first, length] : [first, (length & 0x7f) | 0x80, length >> 7];
  return Buffer.concat([Buffer.from(header), ...body]);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([twoBytes(bytes.length), bytes]);
}

function twoBytes(value: number): Buffer {
  return Buffer.from([value >> 8, value & 0xff]);
}
