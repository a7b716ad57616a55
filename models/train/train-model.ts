// Training the one model that is served: on the training rows alone, with its figures beside it.
import { type Dataset, selectRows } from '../csv.ts';
import type { TrainingData } from '../data-folder.ts';
import { crossValidate, type OnFold } from './cross-validate.ts';
import { deviationOf, meanOf, type Scored } from './metrics.ts';
import type { TrainedModel, Trainer } from './trainer.ts';

const FOLDS = 10;

export interface TrainingOptions {
  readonly trainer: Trainer;
  readonly source: TrainingData;
  readonly seed: number;
  /** Of the cross-validation that gives the manifest its accuracy. */
  readonly repeats: number;
  readonly onProgress?: OnFold;
}

export interface Trained extends TrainingOptions {
  readonly model: TrainedModel;
  readonly train: Dataset;
  /** The held-out rows as the model, which never saw them, scores them. */
  readonly heldOut: readonly Scored[];
  /** Nested cross-validation within the training rows. */
  readonly accuracy: { readonly method: string; readonly mean: number; readonly sd: number };
}

/** Cross-validates within the training rows of the split, then trains on all of them. */
export async function trainModel(options: TrainingOptions): Promise<Trained> {
  const { onProgress, repeats, seed, source, trainer } = options;
  const train = selectRows(source.data, source.split.train);
  const validation = { folds: FOLDS, repeats, seed };
  const results = await crossValidate(trainer, train, validation, onProgress);
  const accuracies = results.flatMap(({ foldAccuracies }) => foldAccuracies);
  const model = await trainer.fit(train, seed);
  const others = selectRows(source.data, source.split.heldOut);
  const times = repeats === 1 ? 'once' : `${repeats} times`;
  return {
    ...options,
    model,
    train,
    heldOut: others.rows.map((values, row) => ({
      probability: model.probability(values),
      positive: others.targets[row] === 0,
    })),
    accuracy: {
      method: `nested stratified ${FOLDS}-fold cross-validation of the ${train.rows.length} training rows, ${times}; sd over the folds`,
      mean: meanOf(accuracies),
      sd: deviationOf(accuracies),
    },
  };
}
