// The names of the ways of training, for who must not load them to list them.

/** What the shipped model was trained with. */
export const DEFAULT_ALGORITHM = 'quantile-machine';

export const ALGORITHMS: readonly string[] = [
  DEFAULT_ALGORITHM,
  'naive-bayes',
  'nearest-neighbours',
  'logistic-regression',
  'kernel-machine',
  'network',
];
