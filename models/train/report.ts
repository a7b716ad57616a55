// The evaluation as text for a terminal, and its one line of JSON for programs.
import type { EvaluationReport, ModelReport } from './evaluate.ts';

/** Tables of every model's figures, then what the champion does with costs. Ends without a line break. */
export function formatReport(report: EvaluationReport): string {
  const { baseline, champion, folds, labels, models, repeats, rows, seed } = report;
  const best = championOf(report);
  const [first, second] = labels as [string, string];
  const count = (value: number) => value.toFixed(1);
  return [
    `${rows} rows, ${folds} folds, ${repeats} ${repeats === 1 ? 'repeat' : 'repeats'}, seed ${seed}; all that is tuned is tuned inside the folds`,
    '',
    ...table(
      ['model', 'accuracy', 'sd', 'AUC', 'log loss', 'Brier', 'calibration', 'chance gives'],
      models.map((model) => [
        model.name,
        model.accuracy.mean.toFixed(4),
        model.accuracy.sd.toFixed(4),
        model.auc.toFixed(4),
        model.logLoss.toFixed(4),
        model.brier.toFixed(4),
        model.calibration.error.toFixed(4),
        model.calibration.range.map((bound) => bound.toFixed(3)).join(' to '),
      ]),
    ),
    '',
    `Against ${baseline}: difference in accuracy with its 95 % interval; McNemar's exact test (median repeat)`,
    ...table(
      ['model', 'difference', '95 %', 'only it right', 'only baseline right', 'p'],
      models.flatMap(({ name, versusBaseline: versus }) =>
        versus
          ? [
              [
                name,
                signed(versus.difference.mean),
                `${signed(versus.difference.low)} to ${signed(versus.difference.high)}`,
                String(versus.onlyThis),
                String(versus.onlyBaseline),
                versus.p.toPrecision(2),
              ],
            ]
          : [],
      ),
    ),
    '',
    `${champion}, before and after calibration: log loss ${best.uncalibrated.logLoss.toFixed(4)} and ${best.logLoss.toFixed(4)}, Brier ${best.uncalibrated.brier.toFixed(4)} and ${best.brier.toFixed(4)}`,
    '',
    `${champion}, confusion (mean of a repeat)`,
    ...table(
      ['', `said ${first}`, `said ${second}`],
      [
        [`is ${first}`, count(best.confusion.hits), count(best.confusion.misses)],
        [`is ${second}`, count(best.confusion.falseAlarms), count(best.confusion.rejections)],
      ],
    ),
    '',
    `${champion}, where a missed ${first} costs more than a false alarm: cost per row at the threshold 0.5 and at 1 / (1 + ratio)`,
    ...table(
      ['ratio', 'cost at 0.5', 'threshold', 'cost', `missed ${first}`, 'false alarms'],
      best.costs.map((cost) => [
        `${cost.ratio} : 1`,
        cost.usual.toFixed(4),
        cost.threshold.toFixed(3),
        cost.aware.toFixed(4),
        count(cost.misses),
        count(cost.falseAlarms),
      ]),
    ),
  ].join('\n');
}

/** One line of JSON: the champion's figures, and the baseline's accuracy on the same folds. */
export function summariseReport(report: EvaluationReport): string {
  const { champion, folds, repeats, seed } = report;
  const { accuracy, auc, brier, calibration, logLoss, versusBaseline } = championOf(report);
  const digits = (value: number) => Number(value.toFixed(6));
  return JSON.stringify({
    model: champion,
    seed,
    repeats,
    folds,
    accuracy: digits(accuracy.mean),
    sd: digits(accuracy.sd),
    auc: digits(auc),
    logLoss: digits(logLoss),
    brier: digits(brier),
    calibrationError: digits(calibration.error),
    calibrationRange: calibration.range.map(digits),
    ...(versusBaseline && {
      baseline: report.baseline,
      overBaseline: digits(versusBaseline.difference.mean),
      mcNemar: Number(versusBaseline.p.toPrecision(3)),
    }),
  });
}

export function championOf({ champion, models }: EvaluationReport): ModelReport {
  return models.find(({ name }) => name === champion) as ModelReport;
}

/** Columns as wide as their widest cell; the first to the left, numbers to the right. */
function table(head: readonly string[], body: readonly (readonly string[])[]): string[] {
  const lines = [head, ...body];
  const widths = head.map((_, at) => Math.max(...lines.map((line) => line[at]?.length ?? 0)));
  return lines.map((line) =>
    line
      .map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}

function signed(value: number): string {
  return `${value < 0 ? '' : '+'}${value.toFixed(4)}`;
}
