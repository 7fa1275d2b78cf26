// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.

/**
 * Most query rows (a query head of a token) of a tile. Two keys by six rows,
 * or four by three, are twelve accumulators: what the sixteen vector registers
 * of x86-64 hold beside the operands.
 */
const HIGHEST: i32 = 6;

/** Keys between two updates of the running softmax. */
export const BLOCK: i32 = 64;

/** Bytes of a row's scores of one block. */
export const SCORES: usize = 256;

/** Rows per tile, so that `rows` fall into tiles of nearly equal height. */
export function tileHeight(rows: i32): i32 {
  const tiles = (rows + HIGHEST - 1) / HIGHEST;
  return (rows + tiles - 1) / tiles;
}

/**
 * Where row `row` of `rows` starts. A tile of `height` rows has vector `c` of
 * its row `j` at `(c · height + j) · 16`: an inner loop over channels needs
 * one pointer, and rows are constant offsets from it.
 */
export function rowAddress(
  tiles: usize,
  row: i32,
  height: i32,
  width: usize,
): usize {
  const inTile = row % height;
  return tiles + <usize> (row - inTile) * width + (<usize> inTile << 4);
}

/** Bytes from one vector of row `row` to the next. */
export function rowStep(row: i32, rows: i32, height: i32): usize {
  return <usize> min(height, rows - row + row % height) << 4;
}

/** Copies `width` bytes of scaled floats, with a distance between vectors. */
export function copyRow(
  source: usize,
  sourceStep: usize,
  target: usize,
  targetStep: usize,
  width: usize,
  scale: f32,
): void {
  const factor = f32x4.splat(scale);
  for (; width > 0; width -= 16) {
    v128.store(target, f32x4.mul(v128.load(source), factor));
    source += sourceStep;
    target += targetStep;
  }
}
