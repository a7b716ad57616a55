// A stranger's text as it may stand in a log: short, and with nothing that moves a cursor or hides text.

const MAX_LENGTH = 200;

/**
 * Escapes what JSON leaves as it is and terminals obey or hide: the controls from U+007F to U+009F,
 * line separators, marks of writing direction and invisible characters.
 */
export function logText(text: string): string {
  const short = text.length <= MAX_LENGTH ? text : `${text.slice(0, MAX_LENGTH)}…`;
  return short.replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu,
    (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`,
  );
}
