// The strict formats of the settings: convict's own turn "no" into true and "1883abc" into 1883.
import { isName, NAME_RULE } from '../schemas/names.ts';

export interface Format {
  /** What a person should have written. */
  readonly expected: string;
  /** From the text of a flag or variable; gives the text back where it is of another form. */
  coerce(text: string): unknown;
  accepts(value: unknown): boolean;
}

const asIs = (text: string) => text;
const digits = (text: string) => (/^\d{1,15}$/.test(text) ? Number(text) : text);
const isPort = (value: unknown) =>
  Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 65_535;
const isText = (value: unknown) => typeof value === 'string' && /^[^\p{Cc}]{1,4096}$/u.test(value);

function oneOf(...words: string[]): Format {
  return {
    expected: `one of ${words.join(', ')}`,
    coerce: asIs,
    accepts: (value) => typeof value === 'string' && words.includes(value),
  };
}

export const FORMATS = {
  name: { expected: NAME_RULE, coerce: asIs, accepts: isName },
  path: { expected: 'the path of a file or folder', coerce: asIs, accepts: isText },
  text: { expected: 'some text without control characters', coerce: asIs, accepts: isText },
  host: {
    expected: 'a host name or address, such as 127.0.0.1 or 0.0.0.0',
    coerce: asIs,
    accepts: (value) => typeof value === 'string' && /^[A-Za-z0-9_.:%-]{1,255}$/.test(value),
  },
  hosts: {
    expected: 'host names and addresses, separated by commas',
    coerce: asIs,
    accepts: (value) => typeof value === 'string' && /^[A-Za-z0-9_.:%,-]{1,4096}$/.test(value),
  },
  port: {
    expected: 'a port from 0 to 65535 (0 takes a free one)',
    coerce: digits,
    accepts: isPort,
  },
  portOrOff: {
    expected: 'a port from 0 to 65535 (0 takes a free one), or off',
    coerce: digits,
    accepts: (value) => value === 'off' || isPort(value),
  },
  brokerUrl: {
    expected:
      'mqtt://HOST:PORT, mqtts://, ws:// or wss://, without a password (that is read from a file)',
    coerce: asIs,
    accepts: isBrokerUrl,
  },
  protocol: oneOf('auto', '3.1.1', '5'),
  runtime: oneOf('auto', 'onnx', 'tfjs'),
  inference: oneOf('auto', 'inline', 'process'),
  workers: {
    expected: 'a whole number from 1 to 64, or auto',
    coerce: digits,
    accepts: (value) =>
      value === 'auto' || (Number.isInteger(value) && Number(value) >= 1 && Number(value) <= 64),
  },
  timeout: {
    expected: 'a whole number of seconds from 1 to 3600',
    coerce: digits,
    accepts: (value) => Number.isInteger(value) && Number(value) >= 1 && Number(value) <= 3600,
  },
  timeoutOrNever: {
    expected: 'a whole number of seconds from 0 (never) to 3600',
    coerce: digits,
    accepts: (value) => Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 3600,
  },
  count: {
    expected: 'a whole number from 1 to 1000000000',
    coerce: digits,
    accepts: (value) => Number.isInteger(value) && Number(value) >= 1 && Number(value) <= 1e9,
  },
  logLevel: oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'),
} satisfies Record<string, Format>;
export type FormatName = keyof typeof FORMATS;

function isBrokerUrl(value: unknown): boolean {
  if (typeof value !== 'string' || !URL.canParse(value)) return false;
  const url = new URL(value);
  const speaksMqtt = /^(mqtts?|wss?):$/.test(url.protocol);
  return speaksMqtt && url.hostname !== '' && url.username === '' && url.password === '';
}
