// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.
import { writeRow } from "./cache_rows.ts";
import { hadamard } from "./hadamard.ts";

/**
 * Writes keys and values of `n` tokens of one head to the slots from `at` on.
 *
 * @param size Bytes of a cached element; scratch has room for a key.
 */
export function append(
  k: usize,
  kStride: usize,
  v: usize,
  vStride: usize,
  n: i32,
  headDim: i32,
  size: i32,
  keys: usize,
  keyScales: usize,
  values: usize,
  valueScales: usize,
  positions: usize,
  at: i32,
  position: i32,
  scratch: usize,
): void {
  const width = <usize> headDim << 2;
  for (let i = 0; i < n; i++) {
    const slot = <usize> (at + i), start = slot * headDim * size;
    const scale = slot << 2;
    if (size == 1) {
      memory.copy(scratch, k, width);
      hadamard(scratch, width);
    }
    const key = size == 1 ? scratch : k;
    writeRow(size, key, width, keys + start, keyScales + scale);
    writeRow(size, v, width, values + start, valueScales + scale);
    store<i32>(positions + (slot << 2), position + i);
    k += kStride;
    v += vStride;
  }
}
