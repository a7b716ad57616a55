// Plain tables for a terminal: columns in line, nothing wider than the screen, colour where asked for.
import { printable } from './printable.ts';

const STYLES = { bold: '1', dim: '2', red: '31', green: '32', yellow: '33' } as const;
export type Style = keyof typeof STYLES;

export interface Cell {
  readonly text: string;
  readonly style?: Style;
  readonly right?: boolean;
}

/** Characters that take two columns. */
const WIDE =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}\u3000-\u303e\uff01-\uff60]/u;
const COMBINING = /\p{M}/u;
const GAP = 2;

/** Puts the cells of all rows in line; what does not fit into `columns` is cut. */
export function layOut(
  rows: readonly (readonly Cell[])[],
  columns: number,
  color: boolean,
): string[] {
  const clean = rows.map((row) => row.map((cell) => ({ ...cell, text: printable(cell.text) })));
  const widths: number[] = [];
  for (const row of clean) {
    for (const [at, { text }] of row.entries()) {
      widths[at] = Math.max(widths[at] ?? 0, widthOf(text));
    }
  }
  return clean.map((row) => {
    let line = '';
    let left = columns;
    for (const [at, cell] of row.entries()) {
      if (left <= 0) break;
      const room = Math.min(widths[at] ?? 0, left);
      const text = cut(cell.text, room);
      const space = ' '.repeat(room - widthOf(text));
      const isLast = at === row.length - 1;
      line += cell.right ? space + paint(text, cell.style, color) : paint(text, cell.style, color);
      if (!cell.right && !isLast) line += space;
      left -= room;
      if (isLast || left <= GAP) break;
      line += ' '.repeat(GAP);
      left -= GAP;
    }
    return line;
  });
}

/** One line of text, cut to the screen. */
export function layOutLine(text: string, columns: number, color: boolean, style?: Style): string {
  return paint(cut(printable(text, columns * 2), columns), style, color);
}

function paint(text: string, style: Style | undefined, color: boolean): string {
  return color && style !== undefined && text !== ''
    ? `\u001b[${STYLES[style]}m${text}\u001b[0m`
    : text;
}

function cut(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text;
  let kept = '';
  let width = 0;
  for (const character of text) {
    width += widthOf(character);
    if (width > columns - 1) break;
    kept += character;
  }
  return columns > 0 ? `${kept}…` : '';
}

function widthOf(text: string): number {
  let width = 0;
  for (const character of text)
    width += COMBINING.test(character) ? 0 : WIDE.test(character) ? 2 : 1;
  return width;
}
