// All ratios of a run as an SVG: a dot for each, its confidence interval, and the bar that it must meet. Pure.
import type { Figure, PartResult } from './figures.ts';

const TITLE = 'The agent by its peers in the same run: ratio, 95 % interval, and bar';
const WIDTH = 960;
const LABELS = 520;
const ROW = 18;
const TOP = 48;
const MARGIN = 24;
const TICKS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50];

/** Green where the bar is met, red where it is not, grey where there is none: each told by its shape too. */
const COLORS = { met: '#1a7f37', missed: '#cf222e', plain: '#57606a' };

interface Row {
  readonly label: string;
  readonly heading: boolean;
  readonly figure?: Figure;
}

/** @returns a whole file; without any ratio it holds the title alone */
export function renderChart(results: readonly PartResult[], subtitle: string): string {
  const rows = results.flatMap(rowsOf);
  const ends = rows.flatMap(({ figure }) => {
    const { bar, versus } = figure ?? {};
    if (!versus) return [];
    return [versus.ratio.low, versus.ratio.high, bar?.atLeast ?? 1, bar?.atMost ?? 1];
  });
  const low = Math.min(0.5, ...ends);
  const high = Math.max(2, ...ends);
  const at = (ratio: number) => {
    const share = Math.log(ratio / low) / Math.log(high / low);
    return LABELS + share * (WIDTH - LABELS - MARGIN);
  };
  const height = TOP + rows.length * ROW + MARGIN * 2;
  const bottom = TOP + rows.length * ROW;
  const ticks = TICKS.filter((tick) => tick >= low && tick <= high).map((tick) => {
    const x = at(tick).toFixed(1);
    const width = tick === 1 ? 1.5 : 0.5;
    return `<line x1="${x}" x2="${x}" y1="${TOP - 8}" y2="${bottom}" stroke="#8c959f" stroke-width="${width}"/>${text(Number(x), bottom + 16, String(tick), 'middle')}`;
  });
  const body = rows.map((row, index) => renderRow(row, TOP + (index + 0.5) * ROW, at));
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="11">`,
    `<title>${TITLE}</title>`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    `<text x="${MARGIN}" y="18" font-size="14" font-weight="bold">${TITLE}</text>`,
    text(MARGIN, 34, `${subtitle}; readings/s: right is better, everything else: left is better`),
    ...ticks,
    ...body,
    '</svg>',
  ].join('\n')}\n`;
}

function rowsOf({ figures, title }: PartResult): Row[] {
  const rows = figures
    .filter(({ versus }) => versus !== undefined)
    .map((figure) => ({
      label: `${figure.what} (${figure.unit}), to ${figure.versus?.who}`,
      heading: false,
      figure,
    }));
  return rows.length === 0 ? [] : [{ label: title, heading: true }, ...rows];
}

function renderRow({ figure, heading, label }: Row, y: number, at: (ratio: number) => number) {
  const name = heading
    ? `<text x="${MARGIN}" y="${y + 4}" font-weight="bold">${escapeText(label)}</text>`
    : text(MARGIN + 12, y + 4, label);
  if (!figure?.versus) return name;
  const { bar, versus } = figure;
  const color = bar ? COLORS[bar.met ? 'met' : 'missed'] : COLORS.plain;
  const [from, dot, to] = [versus.ratio.low, versus.ratio.value, versus.ratio.high].map(at);
  const limit = bar?.atLeast ?? bar?.atMost;
  const mark =
    limit === undefined
      ? ''
      : `<line x1="${at(limit).toFixed(1)}" x2="${at(limit).toFixed(1)}" y1="${y - 7}" y2="${y + 7}" stroke="#000000" stroke-width="2"/>`;
  const interval = `<line x1="${from?.toFixed(1)}" x2="${to?.toFixed(1)}" y1="${y}" y2="${y}" stroke="${color}" stroke-width="2"/>`;
  const x = dot ?? 0;
  const shape =
    bar && !bar.met
      ? `<path d="M${(x - 4).toFixed(1)} ${y - 4}l8 8m0 -8l-8 8" stroke="${color}" stroke-width="2"/>`
      : `<circle cx="${x.toFixed(1)}" cy="${y}" r="4" fill="${color}"/>`;
  return `${name}${mark}${interval}${shape}`;
}

function text(x: number, y: number, content: string, anchor = 'start'): string {
  return `<text x="${x}" y="${y}" text-anchor="${anchor}">${escapeText(content)}</text>`;
}

function escapeText(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
