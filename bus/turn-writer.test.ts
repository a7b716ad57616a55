// What a turn writes: the first piece at once, the others joined, in order, and each told when it is written.
import { describe, expect, it } from 'vitest';
import { TurnWriter } from './turn-writer.ts';

function writer() {
  const wire: string[] = [];
  const pending: ((error?: Error | null) => void)[] = [];
  const writer = new TurnWriter((bytes, written) => {
    wire.push(bytes.toString());
    pending.push(written);
  });
  const told: string[] = [];
  const write = (text: string) =>
    writer.write(Buffer.from(text), (error) =>
      told.push(error ? `${text}: ${error.message}` : text),
    );
  return { pending, told, wire, write, writer };
}

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

describe('the writer of a turn', () => {
  it('writes the first piece at once and the others together', async () => {
    const { wire, write } = writer();
    for (const piece of ['a', 'b', 'c']) write(piece);
    expect(wire).toEqual(['a']);
    await nextTurn();
    expect(wire).toEqual(['a', 'bc']);
  });

  it('begins anew in the next turn', async () => {
    const { wire, write } = writer();
    write('a');
    await nextTurn();
    write('b');
    expect(wire).toEqual(['a', 'b']);
  });

  it('tells each when its bytes are written, with what went wrong', async () => {
    const { pending, told, write } = writer();
    for (const piece of ['a', 'b', 'c']) write(piece);
    await nextTurn();
    expect(told).toEqual([]);
    pending[1]?.(new Error('gone'));
    pending[0]?.();
    expect(told).toEqual(['b: gone', 'c: gone', 'a']);
  });

  it('lets what nobody waits for go along with the next piece', async () => {
    const { told, pending, wire, write, writer: own } = writer();
    own.writeSoon(Buffer.from('1'));
    own.writeSoon(Buffer.from('2'));
    await Promise.resolve();
    expect(wire).toEqual([]);
    write('a');
    write('b');
    own.writeSoon(Buffer.from('3'));
    expect(wire).toEqual(['12a']);
    await nextTurn();
    expect(wire).toEqual(['12a', 'b3']);
    for (const written of pending) written();
    expect(told).toEqual(['a', 'b']);
  });

  it('writes what nobody waits for when the event loop turns, each time', async () => {
    const { wire, writer: own } = writer();
    for (const piece of ['1', '2']) {
      own.writeSoon(Buffer.from(piece));
      await nextTurn();
    }
    expect(wire).toEqual(['1', '2']);
  });

  it('writes what waits when it is asked to, once', async () => {
    const { wire, write, writer: own } = writer();
    for (const piece of ['a', 'b']) write(piece);
    own.flush();
    own.flush();
    await nextTurn();
    expect(wire).toEqual(['a', 'b']);
  });

  it('does not copy a large piece, and lets it overtake nothing', async () => {
    const { wire, write } = writer();
    const large = 'l'.repeat(4097);
    for (const piece of ['a', 'b', large, 'c']) write(piece);
    await nextTurn();
    expect(wire).toEqual(['a', 'b', large, 'c']);
  });

  it('lets no more than 16 KiB wait for the end of a turn', () => {
    const { wire, write } = writer();
    const piece = 'p'.repeat(4096);
    for (let count = 0; count < 5; count += 1) write(piece);
    expect(wire.map(({ length }) => length)).toEqual([4096, 16_384]);
  });

  it('takes pieces of which nobody wants to hear', async () => {
    const { pending, wire, writer: own } = writer();
    for (const piece of ['a', 'b', 'c']) own.write(Buffer.from(piece));
    await nextTurn();
    for (const written of pending) written();
    expect(wire).toEqual(['a', 'bc']);
  });
});
