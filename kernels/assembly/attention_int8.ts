// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.
//
// Attention over int8 keys and values by integer dot products, for heads of a
// multiple of 16 channels. Queries and weights are rounded to 15 bits, in units
// of their own for each row, and weights for each block; products are exact.
// `dot_i16x8` multiplies them: dot products of bytes, as relaxed SIMD has them,
// would need two passes for 14 bits, and CPUs without VNNI take longer for one.
import { keyTile, QUERY } from "./attention_int8_keys.ts";
import { valueStrips, valueTile, WEIGHTS } from "./attention_int8_values.ts";
import { unitScales, weighScores } from "./attention_int8_weights.ts";
import { pass, visible } from "./attention_pass.ts";
import { BLOCK, SCORES } from "./attention_rows.ts";
import {
  clearScores,
  factorOf,
  peakOf,
  raiseTop,
} from "./attention_softmax.ts";
import { largestSize } from "./cache_rows.ts";
import { words8 } from "./quantise.ts";

/** The largest integer of queries: sums of up to 1024 channels have 31 bits. */
const LARGEST_QUERY: f32 = 16383;

// What a block needs: scales of keys and values, weights of all rows, strips.
const VALUE_SCALES: usize = SCORES, ALL_WEIGHTS: usize = 2 * SCORES;

/** Bytes of what a block needs. */
export function integerScratch(rows: i32, headDim: usize): usize {
  return ALL_WEIGHTS + <usize> rows * WEIGHTS + headDim * BLOCK;
}

/** Rows per tile, three at most, of nearly equal height. */
function integerHeight(rows: i32): i32 {
  const tiles = (rows + 2) / 3;
  return (rows + tiles - 1) / tiles;
}

/** Where it is what a unit of a row's query is worth, times the scale of scores. */
// #inline
function queryUnit(statistics: usize, row: i32, rows: i32): usize {
  return statistics + (<usize> (4 * rows + row) << 2);
}

// #inline
function weightsOf(row: i32): usize {
  return pass.block + ALL_WEIGHTS + <usize> row * WEIGHTS;
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
  // One so small that this would not be finite counts as 0.
  const units: f32 = largest > 1e-30 ? LARGEST_QUERY / largest : 0;
  const inverse = f32x4.splat(units);
  const height = integerHeight(rows), inTile = row % height;
  const step = <usize> min(height, rows - row + inTile) * QUERY;
  let to = queries + <usize> (row - inTile) * (width >> 1);
  to += <usize> inTile * QUERY;
  for (const end = query + width; query < end; query += 64, to += step) {
    v128.store(to, words8(query, inverse));
    v128.store(to, words8(query + 32, inverse), 16);
  }
}

/** Scores of the rows from `from` on, of `count` keys from slot `start` on. */
export function integerScores(
  start: i32,
  from: i32,
  count: i32,
  scores: usize,
): void {
  const headDim = pass.width >> 2, rows = pass.rows, scales = pass.block;
  memory.copy(
    scales,
    pass.keyScales + (<usize> start << 2),
    <usize> count << 2,
  );
  const keys = pass.keys + <usize> start * headDim;
  const height = integerHeight(rows), first = from / height * height;
  const distance = pass.values - pass.keys;
  for (let row = first; row < rows; row += height) {
    keyTile(
      min(height, rows - row),
      pass.queries + <usize> row * (headDim << 1),
      keys,
      headDim,
      count,
      queryUnit(pass.statistics, row, rows),
      scales,
      scores + <usize> row * SCORES,
      row == first ? distance : 0,
    );
  }
}

/** From scores to weights, and those times the values' scales as integers. */
export function integerSoftmax(
  start: i32,
  from: i32,
  count: i32,
  scores: usize,
): void {
  const rows = pass.rows, statistics = pass.statistics;
  for (let row = from; row < rows; row++) {
    raiseTop(row, rows, visible(row, start, count), scores, statistics);
  }
  const given = pass.valueScales + (<usize> start << 2);
  const scales = pass.block + VALUE_SCALES;
  let scaled: i32 = -1, unit: f32 = 0;
  for (let row = from; row < rows; row++) {
    const own = scores + <usize> row * SCORES,
      seen = visible(row, start, count);
    // What a row does not see must not change its units.
    if (seen != scaled) unit = unitScales(given, seen, scales);
    scaled = seen;
    // deno-fmt-ignore
    weighScores(row, rows, seen, own, scales, unit, statistics, weightsOf(row));
    clearScores(own, seen);
  }
}

/**
 * `output = factor · output + Σ weight · value` for the rows from `from` on and
 * `count` values from slot `start` on.
 */
export function integerValues(start: i32, from: i32, count: i32): void {
  const width = pass.width, headDim = width >> 2, rows = pass.rows;
  const strips = weightsOf(rows), groups = (count + 7) >> 3;
  const values = pass.values + <usize> start * headDim;
  valueStrips(values, headDim, count, strips);
  const following = <usize> min(start + BLOCK, pass.end - count);
  const next = pass.keys + following * headDim;
  const height = integerHeight(rows - from);
  for (let row = from; row < rows; row += height) {
    valueTile(
      min(height, rows - row),
      weightsOf(row),
      strips,
      groups,
      peakOf(pass.statistics, row, rows),
      factorOf(pass.statistics, row, rows),
      pass.outputs + <usize> row * width,
      width,
      row == from ? next : strips,
    );
  }
}
