// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.
//
// Attention over int8 keys and values by integer dot products, for heads of a
// multiple of 16 channels. Queries and weights are rounded to 15 bits, in units
// of their own for each row, and weights for each block; products are exact.
// `dot_i16x8` multiplies them: dot products of bytes, as relaxed SIMD has them,
// would need two passes for 14 bits, and CPUs without VNNI take longer for one.
import {
  CHANNELS,
  keyTile,
  PRODUCTS,
  PRODUCTS_ROW,
  QUERIES,
} from "./attention_int8_keys.ts";
import { FACTORS, UNITS, valueTile, WEIGHTS } from "./attention_int8_values.ts";
import {
  copyScales,
  KEY_SCALES,
  scaleProducts,
  unitScales,
  weighScores,
} from "./attention_int8_weights.ts";
import { pass, visible } from "./attention_pass.ts";
import { BLOCK, SCORES } from "./attention_rows.ts";
import { clearScores, sumOf, topOf } from "./attention_softmax.ts";
import { largestSize } from "./cache_rows.ts";
import { words8 } from "./quantise.ts";
import { exp4 } from "./simd.ts";

/** The largest integer of queries: sums of up to 1024 channels have 31 bits. */
const LARGEST_QUERY: f32 = 16383;

/** Scores are in units of this, so that weights are powers of two. */
const LN_2: f32 = 0.6931471805599453;

/** The block's largest scores of a tile's rows, an f32 each. */
// #inline
const PEAKS: usize = memory.data(32, 16);

/** What the weights, which are relative to those, are to be multiplied by. */
// #inline
const SHARES: usize = memory.data(32, 16);

/** Bytes of what a block needs: its values, if they are copied. */
export function integerScratch(headDim: usize): usize {
  return headDim * BLOCK;
}

/** Where it is what a unit of a row's query is worth in scores. */
// #inline
function queryUnit(statistics: usize, row: i32, rows: i32): usize {
  return statistics + (<usize> (3 * rows + row) << 2);
}

/** Rounds the query of row `row`, `width` bytes of floats, to half as many. */
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
  const unit: f32 = largest / LARGEST_QUERY * (scale / LN_2);
  store<f32>(queryUnit(statistics, row, rows), unit);
  // One so small that this would not be finite counts as 0.
  const units: f32 = largest > 1e-30 ? LARGEST_QUERY / largest : 0;
  const inverse = f32x4.splat(units);
  let to = queries + <usize> row * (width >> 1);
  for (const end = query + width; query < end; query += 32, to += 16) {
    v128.store(to, words8(query, inverse));
  }
}

/** A block of `count` slots from `start` on, for the rows from `from` on. */
export function integerBlock(
  start: i32,
  from: i32,
  count: i32,
  weights: usize,
): void {
  const headDim = pass.width >> 2, rows = pass.rows;
  const values = wholeRuns(start, count);
  let next = values;
  if (count == BLOCK) {
    const following = <usize> min(start + BLOCK, pass.end - BLOCK);
    next = pass.keys + following * headDim;
  }
  copyScales(pass.keyScales + (<usize> start << 2), count, KEY_SCALES);
  let height: i32 = 0, ahead = pass.values - pass.keys;
  for (let row = from; row < rows; row += height) {
    height = tileHeight(rows - row);
    multiplyKeys(row, height, start, count, ahead);
    softmaxTile(row, height, start, count, weights);
    const out = pass.outputs + <usize> row * pass.width;
    valueTile(height, values, headDim, count, out, next);
    ahead = 0;
    next = values;
  }
}

/** Where values can be read in whole runs, which the last block may lack. */
function wholeRuns(start: i32, count: i32): usize {
  const headDim = pass.width >> 2;
  const values = pass.values + <usize> start * headDim;
  if (count == BLOCK) return values;
  memory.copy(pass.block, values, <usize> count * headDim);
  return pass.block;
}

/** Rows of the next tile: 6, 3, 2 or 1, which the kernels are there for. */
function tileHeight(rows: i32): i32 {
  return rows >= 6 ? 6 : min(rows, 3);
}

/** Products of a tile's queries and a block's keys. */
function multiplyKeys(
  row: i32,
  height: i32,
  start: i32,
  count: i32,
  ahead: usize,
): void {
  const headDim = pass.width >> 2;
  const keys = pass.keys + <usize> start * headDim;
  for (let channel: usize = 0; channel < headDim; channel += CHANNELS) {
    const channels = min(CHANNELS, headDim - channel);
    takeQueries(row, height, channel, channels);
    // deno-fmt-ignore
    keyTile(height, keys + channel, headDim, channels, count, channel > 0, ahead);
    ahead = 0;
  }
}

/** Brings some channels of a tile's queries to where the products want them. */
function takeQueries(
  row: i32,
  height: i32,
  channel: usize,
  channels: usize,
): void {
  const stride = pass.width >> 1;
  let from = pass.queries + <usize> row * stride + (channel << 1);
  const taken = from;
  if (taken == pass.taken) return;
  pass.taken = taken;
  let to = QUERIES;
  for (; height > 0; height--, from += stride, to += 2 * CHANNELS) {
    memory.copy(to, from, channels << 1);
  }
}

/** From products to weights, of a tile of rows. */
function softmaxTile(
  row: i32,
  height: i32,
  start: i32,
  count: i32,
  weights: usize,
): void {
  raiseTops(row, height, start, count);
  const given = pass.valueScales + (<usize> start << 2);
  let scaled: i32 = -1, unit: f32 = 0;
  for (let j = 0; j < height; j++) {
    const seen = visible(row + j, start, count);
    // What a row does not see must not change its units.
    if (seen != scaled) unit = unitScales(given, seen);
    scaled = seen;
    weighRow(row, j, unit);
    if (pass.keeps) keepWeights(j, seen, weights + <usize> (row + j) * SCORES);
  }
}

/** Finds the largest scores, and what changes with them. */
// #inline
function raiseTops(row: i32, height: i32, start: i32, count: i32): void {
  const rows = pass.rows, statistics = pass.statistics;
  for (let j = 0; j < height; j++) {
    const unit = load<f32>(queryUnit(statistics, row + j, rows));
    const products = PRODUCTS + <usize> j * PRODUCTS_ROW;
    const seen = visible(row + j, start, count);
    const top = topOf(statistics, row + j), old = load<f32>(top);
    const largest = scaleProducts(products, seen, unit);
    const peak = seen > 0 ? largest * LN_2 : old, now = max(old, peak);
    const at = <usize> j << 2;
    store<f32>(top, now);
    store<f32>(PEAKS + at, largest);
    store<f32>(FACTORS + at, old - now);
    store<f32>(SHARES + at, seen > 0 ? peak - now : -f32.MAX_VALUE);
  }
  // #for $i 0 2
  v128.store(FACTORS, exp4(v128.load(FACTORS, $i * 16)), $i * 16);
  v128.store(SHARES, exp4(v128.load(SHARES, $i * 16)), $i * 16);
  // #end
}

/** Weights of row `j` of a tile, and what their unit is worth. */
// #inline
function weighRow(row: i32, j: i32, unit: f32): void {
  const at = <usize> j << 2;
  const sum = sumOf(pass.statistics, row + j, pass.rows);
  const added = weighScores(
    PRODUCTS + <usize> j * PRODUCTS_ROW,
    load<f32>(PEAKS + at),
    WEIGHTS + (<usize> j << 7),
  );
  const share = load<f32>(SHARES + at);
  store<f32>(UNITS + at, unit * share);
  store<f32>(sum, load<f32>(sum) * load<f32>(FACTORS + at) + added * share);
}

/** Keeps the exponentials of the `seen` first slots. */
function keepWeights(j: i32, seen: i32, to: usize): void {
  const share = f32x4.splat(load<f32>(SHARES + (<usize> j << 2)));
  let from = PRODUCTS + <usize> j * PRODUCTS_ROW;
  for (const end = to + SCORES; to < end; to += 16, from += 16) {
    v128.store(to, f32x4.mul(v128.load(from), share));
  }
  clearScores(to - SCORES, seen);
}
