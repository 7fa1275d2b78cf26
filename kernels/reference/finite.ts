import type { ArrayTensor } from "./tensor.ts";

/** Refuses NaN and infinity in the first `n` entries of what is called `name`. */
export function refuseNonFinite(
  tensor: ArrayTensor,
  n: number,
  name: string,
): void {
  for (let i = 0; i < n; i++) {
    if (!tensor.row(i).every(Number.isFinite)) throw notFinite(name);
  }
}

/** The error of a NaN or an infinity in what a caller calls `name`. */
export function notFinite(name: string): RangeError {
  return new RangeError(
    `Cannot use ${name}: it contains NaN or infinity, finite numbers are needed`,
  );
}
