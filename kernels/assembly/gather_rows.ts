// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.

/** Copies `count` rows of `width` bytes, in the order of their `indices`. */
export function gatherRows(
  rows: usize,
  indices: usize,
  width: usize,
  count: i32,
  target: usize,
): void {
  for (; count > 0; count--) {
    memory.copy(target, rows + <usize> load<i32>(indices) * width, width);
    indices += 4;
    target += width;
  }
}
