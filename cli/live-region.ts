// A region at the bottom of a terminal that is drawn again in place; what is said above it stays.
import type { Context } from './context.ts';

const HIDE_CURSOR = '\u001b[?25l';
const SHOW_CURSOR = '\u001b[?25h';
const CLEAR_BELOW = '\u001b[J';
/** Colours, which take no room. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: an escape sequence begins with one
const COLORS = /\u001b\[[0-9;]*m/g; // oxlint-disable-line no-control-regex
const REDRAW_MS = 250;

export interface RegionScreen {
  readonly columns: number;
  readonly rows: number;
  readonly color: boolean;
}

export class LiveRegion {
  private readonly context: Pick<Context, 'env' | 'stdout'>;
  private readonly render: (screen: RegionScreen) => string;
  private drawn = '';
  private closed = false;
  private readonly timer: NodeJS.Timeout;
  private readonly onExit = () => this.context.stdout.write(SHOW_CURSOR);
  private readonly draw = () => this.replace('');

  /** @param render at most `rows` lines of at most `columns` characters */
  constructor(context: Pick<Context, 'env' | 'stdout'>, render: (screen: RegionScreen) => string) {
    this.context = context;
    this.render = render;
    this.timer = setInterval(this.draw, REDRAW_MS);
    process.once('exit', this.onExit);
    this.context.stdout.write(HIDE_CURSOR);
    this.draw();
  }

  /** Writes text above the region; it is never erased. */
  say(text: string): void {
    if (this.closed) this.context.stdout.write(`${text}\n`);
    else this.replace(`${text}\n`);
  }

  /** Draws the region a last time, leaves it there, and gives the cursor back. */
  close(): void {
    clearInterval(this.timer);
    process.off('exit', this.onExit);
    this.draw();
    this.closed = true;
    this.context.stdout.write(`\n${SHOW_CURSOR}`);
  }

  private replace(above: string): void {
    const { columns = 80, rows = 24 } = this.context.stdout;
    const up = heightOf(this.drawn, columns) - 1;
    this.drawn = this.render({ columns, rows: rows - 1, color: hasColor(this.context.env) });
    const erase = `${up > 0 ? `\u001b[${up}A` : ''}\r${CLEAR_BELOW}`;
    this.context.stdout.write(`${erase}${above}${this.drawn}`);
  }
}

/** Rows of the screen that a text takes; since it was drawn the terminal may have become narrower. */
function heightOf(text: string, columns: number): number {
  return text
    .split('\n')
    .map((line) => Math.max(1, Math.ceil(line.replace(COLORS, '').length / columns)))
    .reduce((sum, height) => sum + height, 0);
}

/** As https://no-color.org has it. */
export function hasColor(env: Context['env']): boolean {
  return !env['NO_COLOR'] && env['TERM'] !== 'dumb';
}
