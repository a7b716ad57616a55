import { describe, expect, it } from 'vitest';
import { parseArguments } from './arguments.ts';

const parse = (line: string) => parseArguments(line.split(' ').filter(Boolean), ['cbor', 'memory']);

describe('the command line of the benchmark', () => {
  it('runs every part on both brokers', () => {
    expect(parse('')).toEqual({
      help: false,
      only: ['cbor', 'memory'],
      settings: { brokers: ['mosquitto', 'embedded'], quick: false, nodeRed: false },
      writeDocs: false,
    });
  });

  it('takes some parts, and one broker', () => {
    const { only, settings } = parse('--only memory --broker embedded --quick --peers node-red');
    expect(only).toEqual(['memory']);
    expect(settings).toEqual({ brokers: ['embedded'], quick: true, nodeRed: true });
  });

  it('writes the documentation of whole parts alone', () => {
    expect(parse('--only cbor --write-docs')).toMatchObject({ only: ['cbor'], writeDocs: true });
    expect(() => parse('--write-docs --quick')).toThrow('whole parts');
    expect(() => parse('--write-docs --broker mosquitto')).toThrow('whole parts');
  });

  it.each([
    ['--only cbor,nothing', '--only takes cbor, memory, not nothing'],
    ['--broker other', '--broker is mosquitto or embedded, not other'],
    ['--peers other', '--peers is node-red, not other'],
  ])('refuses %s', (line, message) => {
    expect(() => parse(line)).toThrow(message);
  });
});
