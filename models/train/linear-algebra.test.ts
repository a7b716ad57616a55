// The linear algebra, held to what defines it.
import { expect, it } from 'vitest';
import { cholesky, dot, inverseDiagonal, solve, squaredDistance } from './linear-algebra.ts';
import { createRandom } from './random.ts';

const SIZE = 12;

function positiveDefinite() {
  const random = createRandom(2);
  const root = Array.from({ length: SIZE }, () =>
    Float64Array.from({ length: SIZE }, () => random.normal()),
  );
  return root.map((a, i) => Float64Array.from(root, (b, j) => dot(a, b) + (i === j ? 0.5 : 0)));
}

it('solves symmetric systems', () => {
  const matrix = positiveDefinite();
  const wanted = Float64Array.from({ length: SIZE }, (_, at) => at - 3);
  const right = Float64Array.from(matrix, (row) => dot(row, wanted));
  const found = solve(cholesky(matrix), right);
  for (const [at, value] of found.entries()) expect(value).toBeCloseTo(wanted[at] as number, 9);
});

it('gives the diagonal of the inverse', () => {
  const lower = cholesky(positiveDefinite());
  for (const [at, value] of inverseDiagonal(lower).entries()) {
    const unit = new Float64Array(SIZE);
    unit[at] = 1;
    expect(value).toBeCloseTo(solve(lower, unit)[at] as number, 9);
  }
});

it('refuses a matrix that is not positive definite', () => {
  const matrix = [Float64Array.of(1, 2), Float64Array.of(2, 1)];
  expect(() => cholesky(matrix)).toThrow(/not positive definite/);
});

it('measures distances', () => {
  expect(squaredDistance(Float64Array.of(1, 2), Float64Array.of(4, -2))).toBe(25);
});
