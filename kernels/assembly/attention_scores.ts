// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.

import { SCORES, tileHeight } from "./attention_rows.ts";
import { scoreHighTile } from "./attention_scores_high.ts";
import { scoreLowTile } from "./attention_scores_low.ts";

/**
 * Products of rows, from the tile that starts with row `from` on, with `count`
 * keys of `width` bytes: row `r`'s score of key `i` goes to
 * `scores + r · SCORES + 4 · i`. Up to three scores after the last are
 * overwritten.
 *
 * What lies `distance` bytes after the keys is brought into the cache on the
 * way: values, as a rule. It saves 10 %, as memory is read while it is computed.
 */
export function scoreBlock(
  from: i32,
  rows: i32,
  tiles: usize,
  keys: usize,
  width: usize,
  count: i32,
  scores: usize,
  distance: usize,
): void {
  const height = tileHeight(rows);
  for (let row = from; row < rows; row += height) {
    scoreTile(
      min(height, rows - row),
      tiles + <usize> row * width,
      keys,
      width,
      count,
      scores + <usize> row * SCORES,
      row == from ? distance : 0,
    );
  }
}

/** {@linkcode scoreBlock} for one tile of `height` rows. */
export function scoreTile(
  height: i32,
  tile: usize,
  keys: usize,
  width: usize,
  count: i32,
  scores: usize,
  distance: usize,
): void {
  if (height < 4) {
    scoreLowTile(height, tile, keys, width, count, scores, distance);
  } else scoreHighTile(height, tile, keys, width, count, scores, distance);
}
