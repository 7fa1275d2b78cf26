import type { ArrayTensor } from "./tensor.ts";
import type { StoredWeight } from "./weight.ts";

/** Reference of {@linkcode Kernels.embed}. */
export function embed(
  table: StoredWeight,
  ids: ArrayTensor,
  out: ArrayTensor,
  n: number,
): void {
  for (let i = 0; i < n; i++) {
    table.row(ids.data[ids.offset + i], out.row(i));
  }
}
