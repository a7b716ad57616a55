// The configuration file of a Mosquitto that serves, held line by line against what is rendered now.
import { dirname } from 'node:path';
import type { ListenAddress, RenderMosquittoOptions } from '../render-mosquitto.ts';
import type { Difference } from './deployed-rights.ts';

/** What of a rendering is the administrator's choice, and is taken from the file as it is. */
type Choices = Pick<
  RenderMosquittoOptions,
  'folder' | 'plugin' | 'user' | 'isIncluded' | 'clients' | 'certificates' | 'inner'
>;

/** Finds the choices in a configuration; what is not there becomes a harmless default. */
export function readChoices(text: string, hasTls: boolean): Choices {
  const lines = linesOf(text);
  const argumentOf = (word: string) => {
    const line = lines.find(({ line: each }) => each.startsWith(`${word} `))?.line ?? '';
    return line.slice(word.length + 1);
  };
  const listeners = lines.flatMap(({ line }): ListenAddress[] => {
    const [, port = '', host = ''] = /^listener (\d+) (\S+)$/.exec(line) ?? [];
    return port === '' ? [] : [{ host, port: Number(port) }];
  });
  const [clients = NOWHERE, second = NOWHERE, third = NOWHERE] = listeners;
  return {
    folder: dirname(argumentOf('plugin_opt_config_file')),
    plugin: argumentOf('plugin'),
    user: argumentOf('user'),
    isIncluded: argumentOf('user') === '',
    clients,
    certificates: hasTls ? second : NOWHERE,
    inner: hasTls ? third : second,
  };
}

/** The lines that one of the two has and the other has not, by listener. Pure. */
export function compareConfigurations(
  deployed: string,
  rendered: string,
  where: string,
): Difference[] {
  const [theirs, ours] = [linesOf(deployed), linesOf(rendered)];
  const lacking = (some: readonly Line[], others: readonly Line[]) =>
    some.filter((one) => {
      return !others.some(({ line, section }) => line === one.line && section === one.section);
    });
  const differ = (lines: readonly Line[], verb: string) =>
    lines.map(({ line, section }): Difference => {
      const at = section === '' ? '' : ` (listener ${section})`;
      return { kind: 'other', where, what: line, detail: `${verb}${at}` };
    });
  return [
    ...differ(lacking(theirs, ours), 'is deployed, not rendered'),
    ...differ(lacking(ours, theirs), 'is rendered, not deployed'),
  ];
}

const NOWHERE: ListenAddress = { host: '127.0.0.1', port: 0 };

interface Line {
  readonly line: string;
  /** The port of the listener that it belongs to; empty before the first. */
  readonly section: string;
}

function linesOf(text: string): Line[] {
  let section = '';
  return text.split('\n').flatMap((raw) => {
    const line = raw.trim().replace(/\s+/g, ' ');
    if (line === '' || line.startsWith('#')) return [];
    section = /^listener (\d+)/.exec(line)?.[1] ?? section;
    return [{ line, section }];
  });
}
