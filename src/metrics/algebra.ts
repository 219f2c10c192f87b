/** Symmetric matrices, row by row in Float64Arrays; positive definite where nothing else is said. */
import { RocError } from "../errors.js";

/** The lower triangle L of A = L Lᵀ; above it stands what stood there. @throws RocError INTERNAL where A is none */
export function cholesky(a: Float64Array, n: number): Float64Array {
  const l = Float64Array.from(a);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = l[i * n + j] as number;
      for (let k = 0; k < j; k++) sum -= (l[i * n + k] as number) * (l[j * n + k] as number);
      if (i > j) l[i * n + j] = sum / (l[j * n + j] as number);
      else if (sum > 0) l[i * n + i] = Math.sqrt(sum);
      else throw new RocError("INTERNAL", `A matrix of ${n} rows is not positive definite (row ${i}: ${sum}).`);
    }
  }
  return l;
}

/** The solution of A x = b, of which `l` is {@link cholesky}. */
export function solve(l: Float64Array, b: Float64Array): Float64Array {
  const n = b.length;
  const x = Float64Array.from(b);
  for (let i = 0; i < n; i++) {
    let sum = x[i] as number;
    for (let k = 0; k < i; k++) sum -= (l[i * n + k] as number) * (x[k] as number);
    x[i] = sum / (l[i * n + i] as number);
  }
  for (let i = n - 1; i >= 0; i--) {
    let sum = x[i] as number;
    for (let k = i + 1; k < n; k++) sum -= (l[k * n + i] as number) * (x[k] as number);
    x[i] = sum / (l[i * n + i] as number);
  }
  return x;
}

/** The inverse of A, of which `l` is {@link cholesky}. */
export function inverse(l: Float64Array, n: number): Float64Array {
  // Rows of the lower triangle's inverse, turned: column k of L⁻¹ is row k, so that all sums run along rows.
  const m = new Float64Array(n * n);
  for (let k = 0; k < n; k++) {
    m[k * n + k] = 1 / (l[k * n + k] as number);
    for (let i = k + 1; i < n; i++) {
      let sum = 0;
      for (let j = k; j < i; j++) sum -= (l[i * n + j] as number) * (m[k * n + j] as number);
      m[k * n + i] = sum / (l[i * n + i] as number);
    }
  }
  const found = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let k = i; k < n; k++) sum += (m[i * n + k] as number) * (m[j * n + k] as number);
      found[i * n + j] = found[j * n + i] = sum;
    }
  }
  return found;
}

/** Logarithm of the determinant of A, of which `l` is {@link cholesky}. */
export function logDeterminant(l: Float64Array, n: number): number {
  let sum = 0;
  for (let i = 0; i < n; i++) sum += 2 * Math.log(l[i * n + i] as number);
  return sum;
}

export function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
}

/** A b. */
export function times(a: Float64Array, b: Float64Array): Float64Array {
  const n = b.length;
  return Float64Array.from(b, (_, i) => dot(a.subarray(i * n, (i + 1) * n), b));
}

/** Rows and columns of A. */
export function part(a: Float64Array, n: number, rows: readonly number[]): Float64Array {
  const found = new Float64Array(rows.length ** 2);
  rows.forEach((row, i) => rows.forEach((column, j) => (found[i * rows.length + j] = a[row * n + column] as number)));
  return found;
}

/** Products of all rows with one another, divided by their length. */
export function gram(rows: readonly Float64Array[]): Float64Array {
  const n = rows.length;
  const found = new Float64Array(n * n);
  for (const [i, row] of rows.entries()) {
    for (let j = 0; j <= i; j++) {
      found[i * n + j] = found[j * n + i] = dot(row, rows[j] as Float64Array) / Math.max(1, row.length);
    }
  }
  return found;
}
