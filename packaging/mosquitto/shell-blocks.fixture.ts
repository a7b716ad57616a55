// For tests: the shell commands of a page, as a reader would copy them.

export interface ShellBlock {
  readonly text: string;
  /** To be left running in a terminal of its own. */
  readonly isSecondTerminal: boolean;
}

/** The blocks that are fenced as `sh`, in their order. */
export function shellBlocks(markdown: string): ShellBlock[] {
  return [...markdown.matchAll(/^```sh( second terminal)?\n([\s\S]*?)^```$/gm)].map(
    ([, second, text = '']) => ({ text, isSecondTerminal: second !== undefined }),
  );
}

/** The commands of a block, each in its words: lines that go on are joined, comments and what is piped or redirected are left out. */
export function commandsOf({ text }: ShellBlock): string[][] {
  return text
    .replaceAll(/\\\n\s*/g, ' ')
    .split('\n')
    .flatMap((line) => line.replace(/(^|\s)#.*$/, '').split(/&&|\|\||[|;]/))
    .map((command) => command.trim().split(/\s+/))
    .map((words) => {
      const isFirst = (word: string) => !/^([A-Z_]+=.*|sudo|npx|umask)$/.test(word);
      return words.slice(words.findIndex(isFirst));
    });
}
