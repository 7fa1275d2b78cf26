// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.

/** `x += y` for `n` rows; a `yStride` of 0 adds one row to all. */
export function add(
  x: usize,
  xStride: usize,
  y: usize,
  yStride: usize,
  n: i32,
  width: i32,
): void {
  for (; n > 0; n--) {
    addRow(x, y, <usize> width << 2);
    x += xStride;
    y += yStride;
  }
}

function addRow(x: usize, y: usize, bytes: usize): void {
  let i: usize = 0;
  for (; i + 16 <= bytes; i += 16) {
    v128.store(x + i, f32x4.add(v128.load(x + i), v128.load(y + i)));
  }
  for (; i < bytes; i += 4) {
    store<f32>(x + i, load<f32>(x + i) + load<f32>(y + i));
  }
}

/** Copies `n` rows of so many bytes. */
export function copy(
  source: usize,
  sourceStride: usize,
  target: usize,
  targetStride: usize,
  n: i32,
  bytes: usize,
): void {
  for (; n > 0; n--) {
    memory.copy(target, source, bytes);
    source += sourceStride;
    target += targetStride;
  }
}
