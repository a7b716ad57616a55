// The bytes of an MQTT 3.1.1 PUBLISH up to its payload (section 3.3).

/** What a message is made of, on its way to a subscriber. */
export interface Message {
  readonly topic: string;
  readonly payload: Buffer;
  readonly retain: boolean;
}

export interface Delivery {
  readonly qos: 0 | 1 | 2;
  /** Left out at QoS 0. */
  readonly messageId: number;
  /** It was sent before on another connection (MQTT-3.3.1-1). */
  readonly dup: boolean;
}

export function publishHeader(message: Message, delivery: Delivery): Buffer {
  const { dup, messageId, qos } = delivery;
  const topicBytes = Buffer.byteLength(message.topic);
  const variable = 2 + topicBytes + (qos === 0 ? 0 : 2);
  const remaining = variable + message.payload.length;
  const lengthBytes = remaining < 128 ? 1 : remaining < 16_384 ? 2 : remaining < 2_097_152 ? 3 : 4;
  const header = Buffer.allocUnsafe(1 + lengthBytes + variable);
  let at = header.writeUInt8(0x30 | (dup ? 8 : 0) | (qos << 1) | (message.retain ? 1 : 0));
  for (let rest = remaining, index = 0; index < lengthBytes; index += 1) {
    at = header.writeUInt8((rest & 0x7f) | (index < lengthBytes - 1 ? 0x80 : 0), at);
    rest >>= 7;
  }
  at = header.writeUInt16BE(topicBytes, at);
  at += header.write(message.topic, at);
  if (qos > 0) header.writeUInt16BE(messageId, at);
  return header;
}
