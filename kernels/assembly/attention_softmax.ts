// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.

import { SCORES } from "./attention_rows.ts";
import { exp4, max4, sum4 } from "./simd.ts";

// Statistics of a batch: largest scores, sums and factors of all rows.

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
 * One step of a softmax over blocks (arXiv 1805.02867): the first `count`
 * scores of a row become `e^(score - top)` and the rest 0, `top` being the
 * largest of this block and those before. What was summed up so far is to be
 * multiplied by the factor `e^(old top - top)`, as is done here with the sum.
 */
export function softmaxBlock(
  row: i32,
  rows: i32,
  count: i32,
  scores: usize,
  statistics: usize,
): void {
  scores += <usize> row * SCORES;
  const factor = factorOf(statistics, row, rows);
  if (count > 0) {
    const top = topOf(statistics, row), sum = sumOf(statistics, row, rows);
    const end = padScores(scores, count);
    const old = load<f32>(top), now = max(old, largest(scores, end));
    const change = f32x4.extract_lane(exp4(f32x4.splat(old - now)), 0);
    store<f32>(top, now);
    store<f32>(sum, load<f32>(sum) * change + exponentials(scores, end, now));
    store<f32>(factor, change);
  } else store<f32>(factor, 1);
  clearScores(scores, max(count, 0));
}

/** Clears the scores after the first `count`. */
function clearScores(scores: usize, count: i32): void {
  const used = <usize> count << 2;
  if (used < SCORES) memory.fill(scores + used, 0, SCORES - used);
}

/** Fills up the last 16 scores with the lowest number and gives their end. */
function padScores(scores: usize, count: i32): usize {
  const end = scores + (<usize> ((count + 15) & ~15) << 2);
  for (let p = scores + (<usize> count << 2); p < end; p += 4) {
    store<f32>(p, -f32.MAX_VALUE);
  }
  return end;
}

/** Largest score. */
// #inline
function largest(scores: usize, end: usize): f32 {
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
