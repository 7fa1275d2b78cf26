// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.

import { BLOCK, copyRow, SCORES } from "./attention_rows.ts";
import { scoreTile } from "./attention_scores.ts";
import {
  anyOpen,
  clearColumns,
  closeColumns,
  takeBack,
} from "./last_similar.ts";
import { multiply } from "./multiply.ts";
import { gatherUnits, product } from "./unit_rows.ts";

/** Rows of a tile of similarities. */
const HEIGHT: i32 = 6;

/**
 * Of one head. The sum of a row's similarities is its product with the sum of
 * all rows, so only the rule about near-duplicates looks at pairs, and not at
 * all of them.
 */
export function redundancy(
  size: i32,
  keys: usize,
  scales: usize,
  headDim: i32,
  order: usize,
  n: i32,
  similarities: usize,
  scratch: usize,
): void {
  const width = <usize> headDim << 2, bytes = <usize> n << 2;
  const columns = scratch + <usize> (n + HEIGHT) * width +
    <usize> HEIGHT * SCORES;
  gatherUnits(size, keys, scales, order, width, n, scratch);
  sumRows(scratch, width, n, columns);
  clearColumns(columns, n);
  // Newest first, so that the first row found for a column is its last one.
  for (let row = (n - 1) / HEIGHT * HEIGHT; row >= 0; row -= HEIGHT) {
    sweepTile(scratch, width, row, n, columns);
  }
  takeBack(columns, n);
  multiply(columns, bytes, <f32> 1 / <f32> n);
  memory.copy(similarities, columns, bytes);
}

/** Sums of each row's products with all others; their sum follows the rows. */
function sumRows(rows: usize, width: usize, n: i32, sums: usize): void {
  const total = rows + <usize> n * width;
  for (let row = rows; row < total; row += width, sums += 4) {
    const all = product(row, total, width);
    store<f32>(sums, all - product(row, row, width));
  }
}

/**
 * Compares the rows from `first` on with newer ones, where that can still tell
 * something. Scratch holds all rows, a tile of them, its similarities with a
 * block, and the columns.
 */
function sweepTile(
  rows: usize,
  width: usize,
  first: i32,
  n: i32,
  columns: usize,
): void {
  const tile = rows + <usize> n * width, scores = tile + <usize> HEIGHT * width;
  const height = min(HEIGHT, n - first);
  for (let row = 0; row < height; row++) {
    const source = rows + <usize> (first + row) * width;
    copyRow(source, 16, tile + (row << 4), <usize> height << 4, width, 1);
  }
  // Blocks start at a multiple of four, as the columns' vectors do.
  const oldest = first & ~3;
  let start = oldest + (n - 1 - oldest) / BLOCK * BLOCK;
  for (; start >= oldest; start -= BLOCK) {
    const count = min(BLOCK, n - start);
    const open = anyOpen(columns, n, first, height);
    if (!open && !anyOpen(columns, n, start, count)) continue;
    const block = rows + <usize> start * width;
    scoreTile(height, tile, block, width, count, scores, 0);
    for (let row = height - 1; row >= 0; row--) {
      const similarities = scores + <usize> row * SCORES;
      closeColumns(similarities, first + row, start, count, columns, n);
    }
  }
}
