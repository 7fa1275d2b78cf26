import type { ArrayTensor } from "./tensor.ts";

/** Reference of {@linkcode Kernels.assertFinite}. */
export function assertFinite(
  tensors: readonly ArrayTensor[],
  n: number,
  names: readonly string[],
): void {
  tensors.forEach((tensor, t) => {
    for (let i = 0; i < n; i++) {
      if (!tensor.row(i).every(Number.isFinite)) throw notFinite(names[t]);
    }
  });
}

/** The error of a NaN or an infinity in what a caller calls `name`. */
export function notFinite(name: string): RangeError {
  return new RangeError(
    `Cannot use ${name}: it contains NaN or infinity, finite numbers are needed`,
  );
}
