// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.

import { SCORES } from "./attention_rows.ts";
import { sumOf, topOf } from "./attention_softmax.ts";
import { exp4 } from "./simd.ts";

/**
 * Turns the largest scores that the weights of a block are relative to into
 * what the weights are to be multiplied by to become probabilities.
 */
export function finishFactors(
  tops: usize,
  statistics: usize,
  rows: i32,
): void {
  for (let row = 0; row < rows; row++) {
    const top = topOf(tops, row);
    const change = load<f32>(top) - load<f32>(topOf(statistics, row));
    const factor = f32x4.extract_lane(exp4(f32x4.splat(change)), 0);
    store<f32>(top, factor / load<f32>(sumOf(statistics, row, rows)));
  }
}

/**
 * Mean over queries of the largest probability of a group, or of their mean,
 * and `shift` times its deviation, for the first `count` keys of a block.
 */
export function combineBlock(
  weights: usize,
  factors: usize,
  rows: i32,
  group: i32,
  count: i32,
  shift: f32,
  mean: bool,
  scores: usize,
): void {
  for (let key = 0; key < count; key += 4, weights += 16, scores += 16) {
    const centre = meanOfQueries(weights, factors, rows, group, mean);
    let score = centre;
    if (shift != 0) {
      const deviation = deviationOfQueries(weights, centre, rows, group);
      score = f32x4.add(score, f32x4.mul(f32x4.splat(shift), deviation));
    }
    storeFirst(scores, score, count - key);
  }
}

/**
 * Mean over queries of what their group has, for four keys, which takes the
 * place of the weight of the group's first row.
 */
function meanOfQueries(
  weights: usize,
  factors: usize,
  rows: i32,
  group: i32,
  mean: bool,
): v128 {
  const step = <usize> group * SCORES;
  const end = weights + <usize> rows * SCORES;
  const share = f32x4.splat(mean ? <f32> 1 / <f32> group : 1);
  let sum = f32x4.splat(0);
  for (let query = weights; query < end; query += step) {
    let own = f32x4.splat(0);
    for (let p = query; p < query + step; p += SCORES, factors += 4) {
      const weight = f32x4.mul(v128.load(p), v128.load32_splat(factors));
      own = mean ? f32x4.add(own, weight) : f32x4.pmax(own, weight);
    }
    own = f32x4.mul(own, share);
    v128.store(query, own);
    sum = f32x4.add(sum, own);
  }
  return f32x4.div(sum, f32x4.splat(<f32> (rows / group)));
}

/** Sample standard deviation of what {@linkcode meanOfQueries} left; 0 of one. */
function deviationOfQueries(
  weights: usize,
  mean: v128,
  rows: i32,
  group: i32,
): v128 {
  const step = <usize> group * SCORES;
  const end = weights + <usize> rows * SCORES;
  let sum = f32x4.splat(0);
  for (; weights < end; weights += step) {
    const difference = f32x4.sub(v128.load(weights), mean);
    sum = f32x4.add(sum, f32x4.mul(difference, difference));
  }
  const degrees = max(rows / group - 1, 1);
  return f32x4.sqrt(f32x4.div(sum, f32x4.splat(<f32> degrees)));
}

/** Stores the first `count` lanes, all for four or more. */
function storeFirst(target: usize, lanes: v128, count: i32): void {
  if (count >= 4) v128.store(target, lanes);
  else {
    v128.store32_lane(target, lanes, 0);
    if (count > 1) v128.store32_lane(target, lanes, 1, 4);
    if (count > 2) v128.store32_lane(target, lanes, 2, 8);
  }
}
