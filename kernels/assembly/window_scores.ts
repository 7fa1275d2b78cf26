// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.

import {
  BLOCK,
  copyRow,
  rowAddress,
  rowStep,
  SCORES,
  tileHeight,
} from "./attention_rows.ts";
import { scoreBlock } from "./attention_scores.ts";
import { clearStatistics, raiseTop, softmaxRow } from "./attention_softmax.ts";
import { gatherRows } from "./gather_rows.ts";
import { hadamard } from "./hadamard.ts";
import { combineBlock, finishFactors } from "./window_combine.ts";

/**
 * Two passes over the scores of all rows (query heads of one KV head, of all
 * queries of the window): running softmax, then what remains of a block's
 * weights once the largest score is known.
 *
 * @param mean Whether heads have their mean or their largest weight.
 */
export function windowScores(
  queries: usize,
  stride: usize,
  ring: i32,
  oldest: i32,
  window: i32,
  group: i32,
  headDim: i32,
  size: i32,
  keys: usize,
  scales: usize,
  order: usize,
  n: i32,
  shift: f32,
  mean: bool,
  scores: usize,
  scratch: usize,
): void {
  const rows = window * group, width = <usize> headDim << 2;
  const block = scratch + <usize> rows * width;
  const weights = block + <usize> BLOCK * width;
  for (let row = 0; row < rows; row++) {
    const entry = <usize> ((oldest + row / group) % ring);
    const query = queries + entry * stride + <usize> (row % group) * width;
    packQuery(query, size, row, rows, width, scratch, block);
  }
  weigh(rows, group, window, size, keys, scales, width, order, n, scratch);
  combine(weights, rows, group, n, n - window, shift, mean, scores);
}

/**
 * Puts a scaled query into the tiles, turned if keys are; `spare` is room for
 * it.
 */
function packQuery(
  query: usize,
  size: i32,
  row: i32,
  rows: i32,
  width: usize,
  tiles: usize,
  spare: usize,
): void {
  const scale: f32 = <f32> 1 / sqrt<f32>(<f32> (width >> 2));
  const height = tileHeight(rows);
  copyRow(query, 16, spare, 16, width, scale);
  if (size == 1) hadamard(spare, width);
  const target = rowAddress(tiles, row, height, width);
  copyRow(spare, 16, target, rowStep(row, rows, height), width, 1);
}

/**
 * Weights of all rows and keys, block by block, and for each block the largest
 * scores that they are relative to. Scratch holds queries, a block of keys, the
 * weights, then those largest scores, and statistics.
 */
function weigh(
  rows: i32,
  group: i32,
  window: i32,
  size: i32,
  keys: usize,
  scales: usize,
  width: usize,
  order: usize,
  n: i32,
  scratch: usize,
): void {
  const block = scratch + <usize> rows * width;
  let weights = block + <usize> BLOCK * width;
  let tops = weights + weightBytes(rows, n);
  const statistics = tops + topBytes(rows, n);
  clearStatistics(statistics, rows);
  for (let start = 0; start < n; start += BLOCK) {
    const count = min(BLOCK, n - start);
    const slots = order + (<usize> start << 2);
    gatherRows(size, keys, scales, slots, width, count, block);
    scoreBlock(0, rows, scratch, block, width, count, weights, 0);
    const past = n - window + 1 - start;
    for (let row = 0; row < rows; row++) {
      const visible = max(0, min(past + row / group, count));
      raiseTop(row, rows, visible, weights, statistics);
    }
    for (let row = 0; row < rows; row++) {
      const visible = max(0, min(past + row / group, count));
      softmaxRow(row, rows, visible, weights, statistics);
    }
    memory.copy(tops, statistics, <usize> rows << 2);
    weights += <usize> rows * SCORES;
    tops += <usize> rows << 2;
  }
}

/** Scores of the `scored` oldest tokens from the weights of all rows. */
function combine(
  weights: usize,
  rows: i32,
  group: i32,
  n: i32,
  scored: i32,
  shift: f32,
  mean: bool,
  scores: usize,
): void {
  let factors = weights + weightBytes(rows, n);
  const statistics = factors + topBytes(rows, n);
  for (let start = 0; start < scored; start += BLOCK) {
    const count = min(BLOCK, scored - start);
    finishFactors(factors, statistics, rows);
    combineBlock(weights, factors, rows, group, count, shift, mean, scores);
    weights += <usize> rows * SCORES;
    factors += <usize> rows << 2;
    scores += SCORES;
  }
}

/** Bytes of the weights of all blocks. */
function weightBytes(rows: i32, n: i32): usize {
  return <usize> ((n + BLOCK - 1) / BLOCK * rows) * SCORES;
}

/** Bytes of the largest scores of all blocks. */
function topBytes(rows: i32, n: i32): usize {
  return <usize> ((n + BLOCK - 1) / BLOCK * rows) << 2;
}
