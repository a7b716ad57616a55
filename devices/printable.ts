// Text from strangers made fit for a terminal: nothing received may move the cursor or lie about order.

/** Controls, formats (bidirectional overrides among them), separators, private and unpaired code points. */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/gu;
/** Each unprintable character becomes `\uFFFD`; text longer than `most` characters is cut with `…`. */
export function printable(text: string, most = 200): string {
  // Cut first: a stranger's megabyte is not worth a look.
  const clean = text.slice(0, most * 2 + 2).replace(UNPRINTABLE, '\uFFFD');
  const characters = Array.from(clean);
  return characters.length <= most
    ? clean
    : `${characters.slice(0, Math.max(0, most - 1)).join('')}…`;
}

/** One line of JSON whose every unprintable character is escaped: the same value, safe to show. */
export function toJsonLine(value: object): string {
  return JSON.stringify(value).replace(UNPRINTABLE, (character) =>
    [...Array(character.length).keys()]
      .map((at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`)
      .join(''),
  );
}
