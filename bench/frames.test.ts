import mqttPacket from 'mqtt-packet';
import { describe, expect, it } from 'vitest';
import {
  connectFrame,
  FrameReader,
  ID_TEMPLATE,
  PublishTemplate,
  pubackFrame,
  readSerial,
  subscribeFrame,
} from './frames.ts';

const payload = (id: string) => Buffer.from(`{"id":"${id}","values":[${'0.5,'.repeat(99)}1]}`);

describe('frames', () => {
  it('are the bytes that mqtt-packet writes', () => {
    const login = { clientId: 'load', username: 'load', password: Buffer.from('secret') };
    expect(connectFrame('load', 'secret')).toEqual(
      mqttPacket.generate({
        cmd: 'connect',
        protocolId: 'MQTT',
        protocolVersion: 4,
        clean: true,
        keepalive: 0,
        ...login,
      }),
    );
    expect(subscribeFrame(258, 'replies/load/+', 1)).toEqual(
      mqttPacket.generate({
        cmd: 'subscribe',
        messageId: 258,
        subscriptions: [{ topic: 'replies/load/+', qos: 1 }],
      }),
    );
    expect(pubackFrame(258)).toEqual(mqttPacket.generate({ cmd: 'puback', messageId: 258 }));
  });

  it.each([0, 1] as const)('fills a template of QoS %d with a serial', (qos) => {
    const template = new PublishTemplate('readings/load/sonar', payload(ID_TEMPLATE), qos);
    expect(template.fill(120_034, 515)).toEqual(
      mqttPacket.generate({
        cmd: 'publish',
        topic: 'readings/load/sonar',
        payload: payload('#000120034'),
        qos,
        dup: false,
        retain: false,
        messageId: 515,
      }),
    );
  });

  it('leaves a filled template alone when it is filled again', () => {
    const template = new PublishTemplate('t', payload(ID_TEMPLATE), 1);
    const first = template.fill(1, 1);
    template.fill(2, 2);
    expect(first.includes('#000000001')).toBe(true);
  });

  it('refuses a payload without a place for the serial', () => {
    expect(() => new PublishTemplate('t', Buffer.from('{}'), 0)).toThrow(ID_TEMPLATE);
  });
});

describe('readSerial', () => {
  it('finds the serial in text and among other bytes', () => {
    expect(readSerial(Buffer.from('{"id": "#000120034","label":"metal"}'))).toBe(120_034);
    expect(readSerial(Buffer.from([0xa2, 0x62, ...Buffer.from('id#999999999'), 0xff]))).toBe(
      999_999_999,
    );
  });

  it('is null where there is none', () => {
    expect(readSerial(Buffer.from('{"id":null}'))).toBeNull();
    expect(readSerial(Buffer.from('#0001'))).toBeNull();
  });
});

describe('FrameReader', () => {
  it('reads frames however the stream is cut', () => {
    const publish = (qos: 0 | 1, serial: number) =>
      new PublishTemplate('replies/load/sonar', payload(ID_TEMPLATE), qos).fill(serial, serial);
    const stream = Buffer.concat([pubackFrame(7), publish(0, 8), publish(1, 9), pubackFrame(10)]);
    for (const size of [1, 2, 3, 100, stream.length]) {
      const seen: string[] = [];
      const reader = new FrameReader({
        publish: (bytes, packetId) => seen.push(`publish ${readSerial(bytes)} ${packetId}`),
        other: (type, body) => seen.push(`${type} ${body.readUInt16BE(0)}`),
      });
      for (let at = 0; at < stream.length; at += size) reader.push(stream.subarray(at, at + size));
      expect(seen).toEqual(['4 7', 'publish 8 null', 'publish 9 9', '4 10']);
    }
  });

  it('refuses what is no MQTT', () => {
    const reader = new FrameReader({ publish: () => undefined, other: () => undefined });
    expect(() => reader.push(Buffer.alloc(8, 0xff))).toThrow('no MQTT');
  });
});
