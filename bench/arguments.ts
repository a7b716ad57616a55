// The command line of the benchmark. Pure.
import { parseArgs } from 'node:util';
import { BROKERS } from './brokers.ts';
import type { Settings } from './runner.ts';

export interface Arguments {
  readonly help: boolean;
  /** Names of the parts to run. */
  readonly only: readonly string[];
  readonly settings: Settings;
  readonly writeDocs: boolean;
}

/** @throws {Error} with what is wrong, for a person */
export function parseArguments(args: readonly string[], parts: readonly string[]): Arguments {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string' },
      broker: { type: 'string' },
      peers: { type: 'string' },
      quick: { type: 'boolean', default: false },
      'write-docs': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const only = values.only?.split(',') ?? [...parts];
  const stranger = only.find((name) => !parts.includes(name));
  if (stranger !== undefined) throw new Error(`--only takes ${parts.join(', ')}, not ${stranger}`);
  const brokers = BROKERS.filter((name) => (values.broker ?? name) === name);
  if (brokers.length === 0) {
    throw new Error(`--broker is mosquitto or embedded, not ${values.broker}`);
  }
  if (values.peers !== undefined && values.peers !== 'node-red') {
    throw new Error(`--peers is node-red, not ${values.peers}`);
  }
  if (values['write-docs'] && (values.quick || values.broker !== undefined)) {
    throw new Error('--write-docs is for whole parts: without --quick and --broker');
  }
  const settings = { brokers, quick: values.quick, nodeRed: values.peers === 'node-red' };
  return { help: values.help, only, settings, writeDocs: values['write-docs'] };
}
