// The model card: what the model is for, what it was trained on, how good it is and where it ends.
import { accuracyOf, aucOf, brierOf, confusionOf, logLossOf } from './metrics.ts';
import type { Trained } from './train-model.ts';

/** Markdown, the same for the same training. */
export function formatModelCard(
  { accuracy, heldOut, model, seed, source, train, trainer }: Trained,
  { name, version }: { readonly name: string; readonly version: string },
): string {
  const [first, second] = train.labels as [string, string];
  const { falseAlarms, hits, misses, rejections } = confusionOf(heldOut);
  const [low, high] = wilson(hits + rejections, heldOut.length);
  return `# ${name} ${version}

${trainer.summary[0]?.toUpperCase()}${trainer.summary.slice(1)}.

## Data

- ${source.data.rows.length} rows of ${train.width} readings from 0 to 1, labelled \`${first}\` or \`${second}\`; data file ${source.dataDigest}
- trained on the ${train.rows.length} rows that the split file ${source.splitDigest} names in \`train\`; the other ${heldOut.length} were not seen
- seed ${seed}; chosen within the training rows: ${model.settings}

## Intended use

Demonstrations, tests and teaching: telling \`${first}\` from \`${second}\` in readings made exactly as
those of the data were. Nothing that a person's safety depends on.

## Figures

- Accuracy ${percent(accuracy.mean)}, standard deviation ${percent(accuracy.sd)}: ${accuracy.method}
- On the ${heldOut.length} held-out rows: accuracy ${percent(accuracyOf(heldOut))} (95 % interval ${percent(low)} to ${percent(high)}), area under the ROC curve ${aucOf(heldOut).toFixed(3)}, log loss ${logLossOf(heldOut).toFixed(3)}, Brier score ${brierOf(heldOut).toFixed(3)}

| held-out rows | said ${first} | said ${second} |
|---|---|---|
| is ${first} | ${hits} | ${misses} |
| is ${second} | ${falseAlarms} | ${rejections} |

## Limits

- A few hundred rows from one experiment: another sonar, sea floor or object is another distribution.
- Rows of one object at neighbouring angles resemble each other, and a random split puts some in either
  part; an object never met before is harder than these figures say.
- There is no answer "neither": every reading gets one of the two labels, noise too.
- Where a missed \`${first}\` costs more than a false alarm, use the scores with a threshold below 0.5.
`;
}

/** Wilson's 95 % interval of a share. */
function wilson(successes: number, trials: number): [number, number] {
  const z = 1.96;
  const share = successes / trials;
  const centre = share + z ** 2 / (2 * trials);
  const reach = z * Math.sqrt((share * (1 - share)) / trials + z ** 2 / (4 * trials ** 2));
  const scale = 1 + z ** 2 / trials;
  return [(centre - reach) / scale, (centre + reach) / scale];
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
