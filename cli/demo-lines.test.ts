import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { demoLines } from './demo-lines.ts';

const options = {
  host: '127.0.0.1',
  port: 41883,
  namespace: 'echolot',
  model: 'sonar',
  operator: { name: 'watcher', password: 'p4ss-_word' },
  guest: { name: 'guest', password: "it's $HOME" },
  values: [0.02, 0.5],
};

/** What the shell makes of a line. */
function wordsOf(line: string | undefined): string[] {
  const script = `printf '%s\\n' ${line}`;
  return execFileSync('sh', ['-c', script], { encoding: 'utf8' }).trimEnd().split('\n');
}

describe('demoLines', () => {
  const lines = demoLines(options).split('\n');

  it('watch everybody’s replies as the operator, with the client id that the broker asks for', () => {
    const line = lines.find((each) => each.startsWith('mosquitto_sub'));
    expect(wordsOf(line)).toEqual(
      'mosquitto_sub -h 127.0.0.1 -p 41883 -i watcher -u watcher -P p4ss-_word -v -t echolot/v1/replies/+/+'.split(
        ' ',
      ),
    );
  });

  it('ask as the guest on the guest’s own topic, whatever the shell thinks of the words', () => {
    const words = wordsOf(lines.find((each) => each.startsWith('mosquitto_pub')));
    expect(words.slice(5, 11)).toEqual(['-i', 'guest', '-u', 'guest', '-P', "it's $HOME"]);
    expect(words.slice(11, 15)).toEqual(['-q', '1', '-t', 'echolot/v1/readings/guest/sonar']);
    expect(words.slice(15)).toEqual(['-m', '{"id":"1","values":[0.02,0.5]}']);
  });
});
