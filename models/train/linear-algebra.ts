// The little linear algebra that training needs, in double precision; a matrix is a list of its rows.

export type Vector = Float64Array;
export type Matrix = readonly Vector[];

export function dot(a: Vector, b: Vector): number {
  let sum = 0;
  for (let index = 0; index < a.length; index += 1) {
    sum += (a[index] as number) * (b[index] as number);
  }
  return sum;
}

export function squaredDistance(a: Vector, b: Vector): number {
  let sum = 0;
  for (let index = 0; index < a.length; index += 1) {
    const difference = (a[index] as number) - (b[index] as number);
    sum += difference * difference;
  }
  return sum;
}

/**
 * The lower triangle L of a symmetric positive definite matrix L·Lᵀ.
 * @throws {RangeError} it is not positive definite
 */
export function cholesky(matrix: Matrix): Matrix {
  const size = matrix.length;
  const lower = matrix.map(() => new Float64Array(size));
  for (let i = 0; i < size; i += 1) {
    const row = lower[i] as Vector;
    for (let j = 0; j <= i; j += 1) {
      const other = lower[j] as Vector;
      let sum = (matrix[i] as Vector)[j] as number;
      for (let k = 0; k < j; k += 1) sum -= (row[k] as number) * (other[k] as number);
      if (i !== j) row[j] = sum / (other[j] as number);
      else if (sum > 0) row[i] = Math.sqrt(sum);
      else throw new RangeError('the matrix is not positive definite');
    }
  }
  return lower;
}

/** Solves L·Lᵀ·x = b for the lower triangle of `cholesky`. */
export function solve(lower: Matrix, b: Vector): Vector {
  const x = Float64Array.from(b);
  for (let i = 0; i < x.length; i += 1) {
    const row = lower[i] as Vector;
    let sum = x[i] as number;
    for (let k = 0; k < i; k += 1) sum -= (row[k] as number) * (x[k] as number);
    x[i] = sum / (row[i] as number);
  }
  for (let i = x.length - 1; i >= 0; i -= 1) {
    let sum = x[i] as number;
    for (let k = i + 1; k < x.length; k += 1) {
      sum -= ((lower[k] as Vector)[i] as number) * (x[k] as number);
    }
    x[i] = sum / ((lower[i] as Vector)[i] as number);
  }
  return x;
}

/** The diagonal of the inverse of L·Lᵀ: the squared lengths of the columns of the inverse of L. */
export function inverseDiagonal(lower: Matrix): Vector {
  const size = lower.length;
  const diagonal = new Float64Array(size);
  const column = new Float64Array(size);
  for (let start = 0; start < size; start += 1) {
    let squares = 0;
    for (let i = start; i < size; i += 1) {
      const row = lower[i] as Vector;
      let sum = i === start ? 1 : 0;
      for (let k = start; k < i; k += 1) sum -= (row[k] as number) * (column[k] as number);
      const value = sum / (row[i] as number);
      column[i] = value;
      squares += value * value;
    }
    diagonal[start] = squares;
  }
  return diagonal;
}
