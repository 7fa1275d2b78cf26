// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.

import { BLOCK, copyRow, SCORES } from "./attention_rows";
import { scoreTile } from "./attention_scores";
import { gatherRows } from "./gather_rows";
import { madd, sum4 } from "./simd";
import {
  clearColumns,
  finishRows,
  sweepRow,
  takeBack,
} from "./similarity_sums";
import { softmax } from "./softmax";

/** Rows of a tile of similarities. */
const HEIGHT: i32 = 6;

/**
 * Similarities are symmetric: those of a row with newer tokens are computed,
 * tile by tile, and count for both.
 */
export function redundancy(
  keys: usize,
  slots: i32,
  kvHeads: i32,
  headDim: i32,
  order: usize,
  n: i32,
  window: i32,
  out: usize,
  scratch: usize,
): void {
  const width = <usize> headDim << 2;
  const columns = scratch + <usize> (n + HEIGHT) * width + HEIGHT * SCORES;
  for (let head = 0; head < kvHeads; head++) {
    gatherRows(keys, order, width, n, scratch);
    normaliseRows(scratch, width, n);
    clearColumns(columns, n);
    for (let row = 0; row < n; row += HEIGHT) {
      sweepTile(scratch, width, row, n, columns);
    }
    takeBack(columns, n);
    softmax(columns, 0, 1, n, <f32> 1 / <f32> n);
    memory.copy(out, columns, <usize> (n - window) << 2);
    keys += <usize> slots * width;
    order += <usize> slots << 2;
    out += <usize> slots << 2;
  }
}

/** Divides rows by their length, give or take 1e-6. */
function normaliseRows(rows: usize, width: usize, n: i32): void {
  for (; n > 0; n--, rows += width) {
    let squares = f32x4.splat(0);
    for (let at: usize = 0; at < width; at += 16) {
      const x = v128.load(rows + at);
      squares = madd(x, x, squares);
    }
    const length = sqrt<f32>(sum4(squares)) + <f32> 1e-6;
    copyRow(rows, 16, rows, 16, width, <f32> 1 / length);
  }
}

/**
 * Adds similarities of the rows from `first` on with newer ones to the sums.
 * Scratch holds all rows, a tile of them, its similarities with a block, and
 * the columns.
 */
function sweepTile(
  rows: usize,
  width: usize,
  first: i32,
  n: i32,
  columns: usize,
): void {
  const tile = rows + <usize> n * width, scores = tile + HEIGHT * width;
  const height = min(HEIGHT, n - first);
  for (let row = 0; row < height; row++) {
    const source = rows + <usize> (first + row) * width;
    copyRow(source, 16, tile + (row << 4), <usize> height << 4, width, 1);
  }
  // Blocks start at a multiple of four, as the columns' vectors do.
  for (let start = first & ~3; start < n; start += BLOCK) {
    const count = min(BLOCK, n - start);
    const block = rows + <usize> start * width;
    scoreTile(height, tile, block, width, count, scores, 0);
    for (let row = 0; row < height; row++) {
      sweepRow(
        scores + <usize> row * SCORES,
        row,
        first,
        start,
        count,
        n,
        columns,
      );
    }
  }
  finishRows(first, height, n, columns);
}
