import type { Backend } from "../../kernels/backend.ts";
import type { Tensor } from "../../kernels/tensors.ts";
import { uniform } from "../../model/sampling/random.ts";

/** Token counts that are no multiple of any tile. */
export const odd: number[] = [1, 2, 3, 31, 33];

/** Largest error over the largest value; NaN where an entry is not a number. */
export function relativeError(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
): number {
  if (actual.length !== expected.length) return NaN;
  let [error, scale] = [0, 1e-30];
  for (let i = 0; i < expected.length; i++) {
    if (actual[i] === expected[i]) continue;
    const difference = Math.abs(actual[i] - expected[i]);
    // Math.max would do, if it did not matter that NaN is an error.
    if (!(difference <= error)) error = difference;
    if (Number.isNaN(error)) return NaN;
  }
  for (let i = 0; i < expected.length; i++) {
    if (Number.isFinite(expected[i])) {
      scale = Math.max(scale, Math.abs(expected[i]));
    }
  }
  return error / scale;
}

/** Normal numbers with heavy tails: a softmax over them is not flat. */
export function outliers(count: number, seed: number): Float32Array {
  return Float32Array.from(
    { length: count },
    (_, i) => normal(seed, i) * Math.exp(1.5 * normal(seed + 1, i)),
  );
}

/** Normal number by Box and Muller, of a seed and an index. */
export function normal(seed: number, i: number): number {
  const radius = Math.sqrt(-2 * Math.log(1 - uniform(seed, 2 * i)));
  return radius * Math.cos(2 * Math.PI * uniform(seed, 2 * i + 1));
}

/** A tensor of given numbers. */
export function filled(
  backend: Backend,
  shape: number[],
  data: ArrayLike<number>,
): Tensor {
  const tensor = backend.tensor(shape);
  backend.write(tensor, data);
  return tensor;
}

/** A tensor of heavy-tailed numbers. */
export function noise(backend: Backend, shape: number[], seed: number): Tensor {
  const count = shape.reduce((product, size) => product * size, 1);
  return filled(backend, shape, outliers(count, seed));
}
