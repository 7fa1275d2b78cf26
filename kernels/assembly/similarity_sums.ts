// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.

import { sum4 } from "./simd";

// What is kept of each column, in arrays of `stride` bytes: the sum of its
// similarities (so far; of its row as well, by symmetry), the last row above
// the threshold, -1 for none, and its similarity. Then the same of each row of
// the tile under way, in vectors.

/** Above it two keys count as near-duplicates (arXiv 2505.24133). */
const THRESHOLD: f32 = 0.5;

/** Bytes of an array: whole vectors. */
// #inline
function strideOf(n: i32): usize {
  return <usize> ((n + 3) & ~3) << 2;
}

/** Where the vectors of a tile's row are: sums, last columns, similarities. */
// #inline
function rowOf(columns: usize, row: i32, n: i32): usize {
  return columns + strideOf(n) * 3 + <usize> row * 48;
}

/** Columns that have seen no row. */
export function clearColumns(columns: usize, n: i32): void {
  const stride = strideOf(n);
  memory.fill(columns, 0, stride * 3);
  memory.fill(columns + stride, 255, stride);
}

/**
 * Adds the similarities of row `first + row` with the `count` columns from
 * `start` on, as far as they are newer, to the sums of the row and of the
 * columns. Rows come in ascending order, so the last one above the threshold
 * is the one that writes last.
 */
export function sweepRow(
  scores: usize,
  row: i32,
  first: i32,
  start: i32,
  count: i32,
  n: i32,
  columns: usize,
): void {
  const end = clearOutside(scores, first + row + 1 - start, count);
  const state = rowOf(columns, row, n), stride = strideOf(n);
  let column = columns + (<usize> start << 2);
  let sum = f32x4.splat(0), last = i32x4.splat(-1), value = sum;
  if (start > first) {
    sum = v128.load(state);
    last = v128.load(state, 16);
    value = v128.load(state, 32);
  }
  let index = i32x4.add(i32x4.splat(start), i32x4(0, 1, 2, 3));
  for (let p = scores; p < end; p += 16, column += 16) {
    const x = v128.load(p), above = f32x4.gt(x, f32x4.splat(THRESHOLD));
    sum = f32x4.add(sum, x);
    v128.store(column, f32x4.add(v128.load(column), x));
    if (v128.any_true(above)) {
      last = v128.bitselect(index, last, above);
      value = v128.bitselect(x, value, above);
      mark(column + stride, i32x4.splat(first + row), above);
      mark(column + stride * 2, x, above);
    }
    index = i32x4.add(index, i32x4.splat(4));
  }
  v128.store(state, sum);
  v128.store(state, last, 16);
  v128.store(state, value, 32);
}

/** Clears the first `from` scores and those after `count`; end of all vectors. */
function clearOutside(scores: usize, from: i32, count: i32): usize {
  const whole = (count + 3) & ~3;
  for (let i = 0; i < min(from, whole); i++) {
    store<f32>(scores + (<usize> i << 2), 0);
  }
  for (let i = count; i < whole; i++) {
    store<f32>(scores + (<usize> i << 2), 0);
  }
  return scores + (<usize> whole << 2);
}

/** Replaces lanes in memory. */
// #inline
function mark(target: usize, lanes: v128, mask: v128): void {
  v128.store(target, v128.bitselect(lanes, v128.load(target), mask));
}

/** Adds what a tile's rows collected to their own columns. */
export function finishRows(
  first: i32,
  height: i32,
  n: i32,
  columns: usize,
): void {
  const stride = strideOf(n);
  for (let row = 0; row < height; row++) {
    const state = rowOf(columns, row, n);
    const column = columns + (<usize> (first + row) << 2);
    store<f32>(column, load<f32>(column) + sum4(v128.load(state)));
    for (let lane = state + 16; lane < state + 32; lane += 4) {
      if (load<i32>(lane) <= load<i32>(column + stride)) continue;
      store<i32>(column + stride, load<i32>(lane));
      store<f32>(column + stride * 2, load<f32>(lane, 16));
    }
  }
}

/** Takes each column's last similarity above the threshold off its row's sum. */
export function takeBack(columns: usize, n: i32): void {
  const stride = strideOf(n), end = columns + (<usize> n << 2);
  for (let column = columns; column < end; column += 4) {
    const row = load<i32>(column + stride);
    if (row < 0) continue;
    const sum = columns + (<usize> row << 2);
    store<f32>(sum, load<f32>(sum) - load<f32>(column + stride * 2));
  }
}
