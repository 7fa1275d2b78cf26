// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.
// deno-lint-ignore-file no-unused-vars -- used once unrolled
//
// Attention over int8 keys and values by integer dot products, for heads of a
// multiple of 16 channels. Queries and weights have 14 bits, in units of their
// own for each row, and weights for each block; products are exact.
import {
  PLAIN_QUERY,
  plainQuery,
  plainStrips_0,
  plainStrips_1,
  plainWeights,
} from "./attention_int8_plain.ts";
import {
  LOW_WEIGHTS,
  RELAXED_QUERY,
  RELAXED_WEIGHTS,
  relaxedQuery,
  relaxedStrips_0,
  relaxedStrips_1,
  relaxedWeights,
} from "./attention_int8_relaxed.ts";
import {
  keyStrips,
  VALUE_STRIP,
  valueStrips,
} from "./attention_int8_strips.ts";
import { pass } from "./attention_pass.ts";
import { SCORES, tileHeight } from "./attention_rows.ts";
import { factorOf } from "./attention_softmax.ts";
import { largestSize } from "./cache_rows.ts";
import { words8 } from "./quantise.ts";
import { madd, max4 } from "./simd.ts";

/** Bytes of a query that go together, and of the weights of a row. */
const QUERY: usize = ASC_FEATURE_RELAXED_SIMD ? RELAXED_QUERY : PLAIN_QUERY;

/** Largest integers of queries, which have a sign, and of weights. */
const LARGEST_QUERY: f32 = 8191, LARGEST_WEIGHT: f32 = 16383;

// What a block needs: starts of sums, scales, weights of all rows, strips.
const SCALES: usize = SCORES, WEIGHTS: usize = 2 * SCORES;

/** Bytes of what {@linkcode integerScores} and the others need. */
export function integerScratch(rows: i32, headDim: usize): usize {
  return WEIGHTS + <usize> rows * RELAXED_WEIGHTS + (headDim << 6);
}

/** Where it is what a unit of a row's query is worth, times the scale of scores. */
// #inline
function queryUnit(statistics: usize, row: i32, rows: i32): usize {
  return statistics + (<usize> (3 * rows + row) << 2);
}

/** Where it is what a unit of a row's weights is worth. */
// #inline
function weightUnit(statistics: usize, row: i32, rows: i32): usize {
  return statistics + (<usize> (4 * rows + row) << 2);
}

// #inline
function weightsOf(block: usize, row: i32): usize {
  return block + WEIGHTS + <usize> row * RELAXED_WEIGHTS;
}

// #inline
function stripsOf(block: usize, rows: i32): usize {
  return weightsOf(block, rows);
}

/**
 * Rounds the query of row `row`, `width` bytes of floats, and lays it out in
 * the row's tile of `queries`, which have two bytes for each channel.
 */
export function packInteger(
  query: usize,
  width: usize,
  row: i32,
  rows: i32,
  queries: usize,
  statistics: usize,
): void {
  const largest = largestSize(query, width);
  const scale: f32 = <f32> 1 / sqrt<f32>(<f32> (width >> 2));
  store<f32>(queryUnit(statistics, row, rows), largest / LARGEST_QUERY * scale);
  const inverse = f32x4.splat(perUnit(largest, LARGEST_QUERY));
  const height = tileHeight(rows), inTile = row % height;
  const step = <usize> min(height, rows - row + inTile) * QUERY;
  let to = queries + <usize> (row - inTile) * (width >> 1);
  to += <usize> inTile * QUERY;
  for (const end = query + width; query < end; query += 64, to += step << 2) {
    const a = words8(query, inverse), b = words8(query + 32, inverse);
    if (ASC_FEATURE_RELAXED_SIMD) {
      relaxedQuery(to, step, (step * width) >> 4, a, b);
    } else plainQuery(to, step, a, b);
  }
}

/** Units in `largest`, or 0 for one so small that this would not be finite. */
// #inline
function perUnit(largest: f32, integers: f32): f32 {
  return largest > 1e-30 ? integers / largest : 0;
}

/** Scores of the rows from `from` on, of `count` keys from slot `start` on. */
export function integerScores(
  start: i32,
  from: i32,
  count: i32,
  scores: usize,
): void {
  const headDim = pass.width >> 2, rows = pass.rows, block = pass.block;
  const strips = stripsOf(block, rows), scales = block + SCALES;
  copyScales(pass.keyScales + (<usize> start << 2), count, scales);
  const keys = pass.keys + <usize> start * headDim;
  keyStrips(keys, headDim, count, strips, block);
  const height = tileHeight(rows), groups = <i32> (headDim >> 2);
  const strip = headDim << 3, all = (count + 7) >> 3;
  for (let row = from; row < rows; row += height) {
    const ofTile = min(height, rows - row);
    const query = pass.queries + <usize> row * (headDim << 1);
    const units = queryUnit(pass.statistics, row, rows);
    const out = scores + <usize> row * SCORES;
    if (ASC_FEATURE_RELAXED_SIMD) {
      const low = <usize> ofTile * headDim;
      // deno-fmt-ignore
      relaxedStrips_0(ofTile, query, low, strips, strip, groups, all, block, units, scales, out, SCORES);
    } else {
      // deno-fmt-ignore
      plainStrips_0(ofTile, query, strips, strip, groups, all, units, scales, out, SCORES);
    }
  }
}

/** Copies the scales of a block, of 64 at most; those that lack are 0. */
function copyScales(scales: usize, count: i32, to: usize): void {
  const used = <usize> count << 2;
  memory.copy(to, scales, used);
  if (used < SCORES) memory.fill(to + used, 0, SCORES - used);
}

/**
 * `output = factor · output + Σ weight · value` for the rows from `from` on and
 * `count` values from slot `start` on.
 */
export function integerValues(
  start: i32,
  from: i32,
  count: i32,
  weights: usize,
): void {
  const headDim = pass.width >> 2, rows = pass.rows, block = pass.block;
  const strips = stripsOf(block, rows);
  const values = pass.values + <usize> start * headDim;
  valueStrips(values, headDim, count, strips);
  roundWeights(start, from, count, weights);
  const height = tileHeight(rows), width = pass.width;
  const groups = (count + 3) >> 2, all = <i32> (headDim >> 3);
  for (let row = from; row < rows; row += height) {
    const ofTile = min(height, rows - row);
    const rounded = weightsOf(block, row);
    const units = weightUnit(pass.statistics, row, rows);
    const factors = factorOf(pass.statistics, row, rows);
    const out = pass.outputs + <usize> row * width;
    if (ASC_FEATURE_RELAXED_SIMD) {
      // deno-fmt-ignore
      relaxedStrips_1(ofTile, rounded, LOW_WEIGHTS, strips, VALUE_STRIP, groups, all, block, units, factors, out, width);
    } else {
      // deno-fmt-ignore
      plainStrips_1(ofTile, rounded, strips, VALUE_STRIP, groups, all, units, factors, out, width);
    }
  }
}

/** Rounds the weights of all rows from `from` on, times the values' scales. */
function roundWeights(start: i32, from: i32, count: i32, weights: usize): void {
  const rows = pass.rows, block = pass.block, scales = block + SCALES;
  copyScales(pass.valueScales + (<usize> start << 2), count, scales);
  for (let row = from; row < rows; row++) {
    const source = weights + <usize> row * SCORES;
    const unit = packWeights(source, scales, weightsOf(block, row));
    store<f32>(weightUnit(pass.statistics, row, rows), unit);
  }
}

/** Rounds 64 weights times the values' scales; gives what a unit is worth. */
function packWeights(weights: usize, scales: usize, to: usize): f32 {
  let most = f32x4.splat(0);
  for (let at: usize = 0; at < SCORES; at += 16) {
    most = f32x4.pmax(most, product(weights + at, scales + at));
  }
  const largest = max4(most);
  const inverse = f32x4.splat(perUnit(largest, LARGEST_WEIGHT));
  for (let i: usize = 0; i < 64; i += 16) {
    const at = i << 2;
    const a = eightWeights(weights + at, scales + at, inverse);
    const b = eightWeights(weights + at + 32, scales + at + 32, inverse);
    if (ASC_FEATURE_RELAXED_SIMD) relaxedWeights(to, i, a, b);
    else plainWeights(to, i, a, b);
  }
  return largest / LARGEST_WEIGHT;
}

// #inline
function product(weights: usize, scales: usize): v128 {
  return f32x4.mul(v128.load(weights), v128.load(scales));
}

/** Eight weights as integers. */
// #inline
function eightWeights(weights: usize, scales: usize, inverse: v128): v128 {
  const magic = f32x4.splat(12582912.0);
  // #for $i 0 2
  const x$i = product(weights + $i * 16, scales + $i * 16);
  const y$i = i32x4.sub(madd(x$i, inverse, magic), magic);
  // #end
  return i16x8.narrow_i32x4_s(y0, y1);
}
