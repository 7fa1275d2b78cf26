// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.

/**
 * Most query rows (a query head of a token) of a tile. Four keys by three rows
 * are twelve accumulators, what the sixteen vector registers of x86-64 hold
 * beside the operands.
 */
export const TILE: i32 = 6;

/** Keys between two updates of the running softmax. */
export const BLOCK: i32 = 64;

/** Bytes of a row's scores of one block. */
export const SCORES: usize = 256;

/** Rows per tile, so that `rows` fall into tiles of nearly equal height. */
export function tileRows(rows: i32): i32 {
  const tiles = (rows + TILE - 1) / TILE;
  return (rows + tiles - 1) / tiles;
}

/**
 * Copies a row of `width` bytes into a tile, scaled. In a tile of `height`
 * rows vector `c` of row `j` is at `(c · height + j) · 16`: an inner loop over
 * channels needs one pointer, and rows are constant offsets.
 */
export function packRow(
  row: usize,
  width: usize,
  scale: f32,
  target: usize,
  height: i32,
): void {
  const factor = f32x4.splat(scale);
  const step = <usize> height << 4;
  for (let c: usize = 0; c < width; c += 16, target += step) {
    v128.store(target, f32x4.mul(v128.load(row + c), factor));
  }
}

/** The inverse of {@linkcode packRow}. */
export function unpackRow(
  source: usize,
  height: i32,
  scale: f32,
  row: usize,
  width: usize,
): void {
  const factor = f32x4.splat(scale);
  const step = <usize> height << 4;
  for (let c: usize = 0; c < width; c += 16, source += step) {
    v128.store(row + c, f32x4.mul(v128.load(source), factor));
  }
}
