// The evaluation as plots: plain SVG, drawn by hand.
import type { EvaluationReport } from './evaluate.ts';

const SIZE = 420;
const MARGIN = { left: 60, top: 40, right: 20, bottom: 50 };
const COLOURS = ['#777777', '#c9792b', '#4b8f4b', '#8b5fbf', '#b04a5a', '#1f5fa8', '#2a9d9d'];

/** SVG documents by file name. */
export function renderPlots(report: EvaluationReport): ReadonlyMap<string, string> {
  return new Map([
    ['roc.svg', rocPlot(report)],
    ['reliability.svg', reliabilityPlot(report)],
    ['folds.svg', foldPlot(report)],
  ]);
}

function rocPlot({ labels, models }: EvaluationReport): string {
  const [first, second] = labels;
  const lines = models.map(({ roc }, at) =>
    polyline(
      roc.map(({ falseRate, hitRate }) => [falseRate, hitRate] as const),
      colour(at),
    ),
  );
  const names = models.map(({ auc, name }) => `${name} ${auc.toFixed(3)}`);
  return frame('ROC, all repeats; area under the curve', [
    ...axes(`share of ${second} called ${first}`, `share of ${first} found`),
    polyline(
      [
        [0, 0],
        [1, 1],
      ],
      '#cccccc',
    ),
    ...lines,
    ...legend(names, 0.42, 0.36),
  ]);
}

function reliabilityPlot({ labels, models, champion }: EvaluationReport): string {
  const shown = models
    .map((model, at) => ({ ...model, at }))
    .filter(({ name }) => name === champion);
  const most = Math.max(...shown.flatMap(({ reliability }) => reliability.map(({ rows }) => rows)));
  const marks = shown.flatMap(({ at, reliability }) => [
    polyline(
      reliability.map(({ probability, share }) => [probability, share] as const),
      colour(at),
    ),
    ...reliability.map(({ probability, rows, share }) =>
      circle(probability, share, 3 + 7 * Math.sqrt(rows / most), colour(at)),
    ),
  ]);
  return frame(`Reliability of ${champion}; size: rows in the bin`, [
    ...axes(`predicted probability of ${labels[0]}`, `share that was ${labels[0]}`),
    polyline(
      [
        [0, 0],
        [1, 1],
      ],
      '#cccccc',
    ),
    ...marks,
  ]);
}

function foldPlot({ models }: EvaluationReport): string {
  const low = Math.min(...models.flatMap(({ foldAccuracies }) => foldAccuracies));
  const from = Math.floor(low * 10) / 10;
  const height = (accuracy: number) => (accuracy - from) / (1 - from);
  const columns = models.flatMap(({ accuracy, foldAccuracies, name }, at) => {
    const centre = (at + 0.5) / models.length;
    const dots = foldAccuracies.map((each, index) => {
      // Spread sideways by the golden ratio: even, and the same every time.
      const aside = (((index * 0.618034) % 1) - 0.5) * (0.5 / models.length);
      return circle(centre + aside, height(each), 2, colour(at), 0.35);
    });
    const reach = 0.3 / models.length;
    const mean = height(accuracy.mean);
    const bar = polyline(
      [
        [centre - reach, mean],
        [centre + reach, mean],
      ],
      '#000000',
    );
    return [...dots, bar, text(centre, -0.04 - 0.045 * (at % 2), name, 'middle', 9)];
  });
  const ticks = ticksOf(from, 1).map((value) => tickLeft(height(value), value));
  return frame('Accuracy of every fold; bar: mean', [box(), ...ticks, ...columns]);
}

function axes(below: string, beside: string): string[] {
  const ticks = ticksOf(0, 1).flatMap((value) => [
    tickLeft(value, value),
    text(value, -0.05, value.toFixed(1), 'middle', 11),
  ]);
  const [x, y] = [MARGIN.left - 42, MARGIN.top + SIZE / 2];
  return [
    box(),
    ...ticks,
    text(0.5, -0.11, below, 'middle', 12),
    `<text x="${x}" y="${y}" font-size="12" text-anchor="middle" transform="rotate(-90 ${x} ${y})">${escapeMarkup(beside)}</text>`,
  ];
}

function legend(names: readonly string[], x: number, top: number): string[] {
  return names.flatMap((name, at) => {
    const y = top - at * 0.05;
    return [
      polyline(
        [
          [x, y + 0.01],
          [x + 0.06, y + 0.01],
        ],
        colour(at),
      ),
      text(x + 0.08, y, name, 'start', 12),
    ];
  });
}

function ticksOf(from: number, to: number): number[] {
  const count = Math.round((to - from) * 10);
  const step = count > 5 ? 2 : 1;
  return Array.from({ length: Math.floor(count / step) + 1 }, (_, at) => to - (at * step) / 10);
}

function tickLeft(y: number, value: number): string {
  return text(-0.015, y - 0.01, value.toFixed(1), 'end', 11);
}

function frame(title: string, marks: readonly string[]): string {
  const width = MARGIN.left + SIZE + MARGIN.right;
  const height = MARGIN.top + SIZE + MARGIN.bottom;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="sans-serif">`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    text(0.5, 1.04, title, 'middle', 14),
    ...marks,
    '</svg>\n',
  ].join('\n');
}

function box(): string {
  return `<rect x="${MARGIN.left}" y="${MARGIN.top}" width="${SIZE}" height="${SIZE}" fill="none" stroke="#999999"/>`;
}

function polyline(points: readonly (readonly [number, number])[], stroke: string): string {
  const list = points.map(([x, y]) => `${across(x)},${down(y)}`).join(' ');
  return `<polyline points="${list}" fill="none" stroke="${stroke}" stroke-width="1.6"/>`;
}

function circle(x: number, y: number, radius: number, fill: string, opacity = 0.8): string {
  return `<circle cx="${across(x)}" cy="${down(y)}" r="${radius.toFixed(1)}" fill="${fill}" fill-opacity="${opacity}"/>`;
}

function text(x: number, y: number, words: string, anchor: string, size: number): string {
  return `<text x="${across(x)}" y="${down(y)}" font-size="${size}" text-anchor="${anchor}">${escapeMarkup(words)}</text>`;
}

/** Both axes run from 0 to 1 within the box. */
function across(x: number): string {
  return (MARGIN.left + x * SIZE).toFixed(1);
}

function down(y: number): string {
  return (MARGIN.top + (1 - y) * SIZE).toFixed(1);
}

function colour(at: number): string {
  return COLOURS[at % COLOURS.length] as string;
}

function escapeMarkup(words: string): string {
  return words.replace(/&/g, '&amp;').replace(/</g, '&lt;');
}
