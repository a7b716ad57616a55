import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Context } from './context.ts';
import { LiveRegion } from './live-region.ts';

/** A terminal that knows what the region needs: up, return, clear below, and wrapping. */
class FakeTerminal {
  columns = 20;
  rows = 10;
  lines: string[] = [''];
  isCursorShown = true;
  private row = 0;

  write(text: string): true {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: an escape sequence begins with one
    const escapes = /\u001b\[(\??)(\d*)([A-Za-z])/y; // oxlint-disable-line no-control-regex
    for (let at = 0; at < text.length; ) {
      escapes.lastIndex = at;
      const sequence = escapes.exec(text);
      if (sequence) {
        const [all, , count, verb] = sequence;
        if (verb === 'A') this.row = Math.max(0, this.row - Number(count));
        if (verb === 'J') this.lines.splice(this.row, Number.POSITIVE_INFINITY, '');
        if (verb === 'h' || verb === 'l') this.isCursorShown = verb === 'h';
        at += all.length;
      } else {
        this.put(text[at] as string);
        at += 1;
      }
    }
    return true;
  }

  private put(character: string): void {
    if (character === '\r') return;
    const isFull = (this.lines[this.row] ?? '').length >= this.columns;
    if (character === '\n' || isFull) {
      this.row += 1;
      this.lines[this.row] ??= '';
    }
    if (character !== '\n') this.lines[this.row] += character;
  }
}

let terminal: FakeTerminal;
let text: string;

function open(env: Record<string, string> = {}): LiveRegion {
  const stdout = terminal as unknown as Context['stdout'];
  return new LiveRegion({ env, stdout }, ({ color }) =>
    color ? `\u001b[1m${text}\u001b[0m` : text,
  );
}

beforeEach(() => {
  vi.useFakeTimers();
  terminal = new FakeTerminal();
});
afterEach(() => vi.useRealTimers());

describe('a live region', () => {
  it('is drawn again in place', () => {
    text = 'one\ntwo';
    const region = open();
    text = 'three\nfour\nfive';
    vi.advanceTimersByTime(300);
    expect(terminal.lines).toEqual(['three', 'four', 'five']);
    text = 'six';
    vi.advanceTimersByTime(300);
    expect(terminal.lines).toEqual(['six']);
    region.close();
  });

  it('never erases what is said above it, however long', () => {
    text = 'a\nb';
    const region = open();
    const said = 'a line that is much longer than the terminal is wide';
    region.say(said);
    region.say('short');
    text = 'c\nd\ne';
    vi.advanceTimersByTime(1000);
    const wrapped = said.match(/.{1,20}/g) ?? [];
    expect(terminal.lines).toEqual([...wrapped, 'short', 'c', 'd', 'e']);
    region.close();
  });

  it('erases its own wrapped lines after the terminal became narrower', () => {
    text = '0123456789';
    const region = open();
    terminal.columns = 5;
    terminal.lines = ['01234', '56789'];
    terminal.write('');
    Object.assign(terminal, { row: 1 });
    text = 'new';
    vi.advanceTimersByTime(300);
    expect(terminal.lines).toEqual(['new']);
    region.close();
  });

  it('leaves its last state and a cursor behind', () => {
    text = 'first';
    const region = open();
    expect(terminal.isCursorShown).toBe(false);
    text = 'last';
    region.close();
    expect(terminal.lines).toEqual(['last', '']);
    expect(terminal.isCursorShown).toBe(true);
    region.say('said later');
    expect(terminal.lines).toEqual(['last', 'said later', '']);
    text = 'never drawn';
    vi.advanceTimersByTime(1000);
    expect(terminal.lines).toEqual(['last', 'said later', '']);
  });

  it.each([{ NO_COLOR: '1' }, { TERM: 'dumb' }])('has no colour with %j', (env) => {
    text = 'plain';
    const write = vi.spyOn(terminal, 'write');
    open(env).close();
    expect(write.mock.calls.join('')).not.toContain('\u001b[1m');
  });
});
