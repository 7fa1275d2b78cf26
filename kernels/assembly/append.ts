// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.

/** Copies the keys and values of `n` tokens to the slots from `at` on. */
export function append(
  k: usize,
  kStride: usize,
  v: usize,
  vStride: usize,
  n: i32,
  kvHeads: i32,
  headDim: i32,
  keys: usize,
  values: usize,
  positions: usize,
  slots: i32,
  at: i32,
  position: i32,
): void {
  const width = <usize> headDim << 2;
  for (let head = 0; head < kvHeads; head++) {
    for (let i = 0; i < n; i++) {
      const slot = <usize> (head * slots + at + i);
      const from = <usize> head * width;
      memory.copy(keys + slot * width, k + <usize> i * kStride + from, width);
      memory.copy(values + slot * width, v + <usize> i * vStride + from, width);
      store<i32>(positions + (slot << 2), position + i);
    }
  }
}
