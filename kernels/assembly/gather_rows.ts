// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.

import { widenRow } from "./widen_row.ts";

/**
 * Copies `count` cached vectors, in the order of their `indices`, as rows of
 * `width` bytes of floats; see `widen_row.ts` for `size` and `scales`.
 */
export function gatherRows(
  size: i32,
  rows: usize,
  scales: usize,
  indices: usize,
  width: usize,
  count: i32,
  target: usize,
): void {
  const bytes = (width >> 2) * size;
  for (; count > 0; count--) {
    const index = <usize> load<i32>(indices);
    widenRow(size, rows + index * bytes, scales + (index << 2), target, width);
    indices += 4;
    target += width;
  }
}
