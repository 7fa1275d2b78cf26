// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.

import { SCORES } from "./attention_rows.ts";
import { exp4, max4, sum4 } from "./simd.ts";

// Statistics of a batch: largest scores, sums and factors of all rows; those over
// integers have units of queries as well.

/** Where a row's largest score so far is. */
// #inline
export function topOf(statistics: usize, row: i32): usize {
  return statistics + (<usize> row << 2);
}

/** Where a row's sum of exponentials is. */
// #inline
export function sumOf(statistics: usize, row: i32, rows: i32): usize {
  return statistics + (<usize> (rows + row) << 2);
}

/** Where the last factor of a row is; those of a tile follow one another. */
// #inline
export function factorOf(statistics: usize, row: i32, rows: i32): usize {
  return statistics + (<usize> (2 * rows + row) << 2);
}

/** Statistics of rows that have seen nothing. */
export function clearStatistics(statistics: usize, rows: i32): void {
  for (let row = 0; row < rows; row++) {
    store<f32>(topOf(statistics, row), -f32.MAX_VALUE);
    store<f32>(sumOf(statistics, row, rows), 0);
  }
}

/**
 * After {@linkcode raiseTop}: a row's first `count` scores become
 * `e^(score - top)` and the rest 0; the sum is added to.
 */
export function softmaxRow(
  row: i32,
  rows: i32,
  count: i32,
  scores: usize,
  statistics: usize,
): void {
  scores += <usize> row * SCORES;
  const top = load<f32>(topOf(statistics, row));
  const sum = sumOf(statistics, row, rows), end = endOf(scores, count);
  store<f32>(sum, load<f32>(sum) + exponentials(scores, end, top));
  clearScores(scores, count);
}

/**
 * Begins a step of a softmax over blocks (arXiv 1805.02867): finds the largest
 * of a row's first `count` scores, and of all before. What was summed up so far
 * is to be multiplied by the factor `e^(old top - top)`, as is done here with
 * the sum. To do this for all rows first saves a third of the softmax's time:
 * exponentials then wait for nothing.
 */
export function raiseTop(
  row: i32,
  rows: i32,
  count: i32,
  scores: usize,
  statistics: usize,
): void {
  scores += <usize> row * SCORES;
  const top = topOf(statistics, row), sum = sumOf(statistics, row, rows);
  const old = load<f32>(top);
  const now = count > 0 ? max(old, largest(scores, count)) : old;
  const change = f32x4.extract_lane(exp4(f32x4.splat(old - now)), 0);
  store<f32>(top, now);
  store<f32>(sum, load<f32>(sum) * change);
  store<f32>(factorOf(statistics, row, rows), change);
}

/** Clears the scores after the first `count`. */
export function clearScores(scores: usize, count: i32): void {
  const used = <usize> count << 2;
  if (used < SCORES) memory.fill(scores + used, 0, SCORES - used);
}

/** End of the first `count` scores, in runs of 16. */
// #inline
function endOf(scores: usize, count: i32): usize {
  return scores + (<usize> ((count + 15) & ~15) << 2);
}

/** Largest of `count` scores; fills up the last run with the lowest number. */
function largest(scores: usize, count: i32): f32 {
  const end = endOf(scores, count);
  for (let p = scores + (<usize> count << 2); p < end; p += 4) {
    store<f32>(p, -f32.MAX_VALUE);
  }
  // #for $i 0 4
  let top$i = v128.load(scores, $i * 16);
  // #end
  for (let p = scores + 64; p < end; p += 64) {
    // #for $i 0 4
    top$i = f32x4.pmax(top$i, v128.load(p, $i * 16));
    // #end
  }
  return max4(f32x4.pmax(f32x4.pmax(top0, top1), f32x4.pmax(top2, top3)));
}

/** Makes scores exponentials relative to `top`; their sum. */
// #inline
function exponentials(scores: usize, end: usize, top: f32): f32 {
  const base = f32x4.splat(top);
  // #for $i 0 2
  let sum$i = f32x4.splat(0);
  // #end
  for (let p = scores; p < end; p += 32) {
    // #for $i 0 2
    const e$i = exp4(f32x4.sub(v128.load(p, $i * 16), base));
    v128.store(p, e$i, $i * 16);
    sum$i = f32x4.add(sum$i, e$i);
    // #end
  }
  return sum4(f32x4.add(sum0, sum1));
}
