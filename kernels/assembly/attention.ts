// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.

import { integerBlock, packInteger } from "./attention_int8.ts";
import { beginBatch, pass, visible } from "./attention_pass.ts";
import {
  BLOCK,
  copyRow,
  rowAddress,
  rowStep,
  SCORES,
  tileHeight,
} from "./attention_rows.ts";
import { scoreBlock } from "./attention_scores.ts";
import {
  clearStatistics,
  raiseTop,
  softmaxRow,
  sumOf,
} from "./attention_softmax.ts";
import { clearTally, tallyBatch } from "./attention_tally.ts";
import { valueBlock } from "./attention_values.ts";
import { readRows } from "./cache_rows.ts";
import { hadamard } from "./hadamard.ts";

/** Most rows (query heads of one KV head, of all queries) per pass over the cache. */
const BATCH: i32 = 48;

/**
 * Attention of one KV head in the manner of flash attention (arXiv 2205.14135).
 * Blocks start at multiples of their size and sums are taken in the order of
 * slots, so a token's result has the same bits in a chunk and alone.
 *
 * @param size Bytes of an element of the cache.
 * @param sums Tally, or 0; `squares` likewise.
 * @param mean 1 if a tally adds the mean over heads, 0 for the largest.
 */
export function attention(
  q: usize,
  qStride: usize,
  n: i32,
  group: i32,
  headDim: i32,
  size: i32,
  keys: usize,
  keyScales: usize,
  values: usize,
  valueScales: usize,
  cached: i32,
  out: usize,
  outStride: usize,
  sums: usize,
  squares: usize,
  mean: i32,
  tallied: i32,
  scratch: usize,
): void {
  pass.group = group;
  pass.past = cached - n;
  pass.width = <usize> headDim << 2;
  pass.size = size;
  pass.integers = size == 1 && headDim % 16 == 0;
  pass.keeps = sums != 0;
  pass.keys = keys;
  pass.keyScales = keyScales;
  pass.values = values;
  pass.valueScales = valueScales;
  const batch = max(BATCH / group, 1) * group, all = n * group;
  if (sums) clearTally(sums, squares, tallied > 0 ? cached - n : 0, cached);
  for (let first = 0; first < all; first += batch) {
    beginBatch(first, min(batch, all - first), scratch);
    packQueries(q, qStride);
    attend();
    writeRows(out, outStride);
    if (sums) tallyBatch(sums, squares, mean, tallied + first / group);
  }
}

/** Bytes from the start of a tensor of all queries to row `row` of the batch. */
function offsetOf(row: i32, stride: usize): usize {
  const query = (pass.first + row) / pass.group;
  const queryHead = (pass.first + row) % pass.group;
  return <usize> query * stride + <usize> queryHead * pass.width;
}

/** Lays out queries in tiles: scaled, and turned as the keys are. */
function packQueries(q: usize, stride: usize): void {
  const width = pass.width, rows = pass.rows, copy = pass.outputs;
  for (let row = 0; row < rows; row++) {
    let source = q + offsetOf(row, stride);
    if (pass.size == 1) {
      memory.copy(copy, source, width);
      hadamard(copy, width);
      source = copy;
    }
    if (pass.integers) {
      packInteger(source, width, row, rows, pass.queries, pass.statistics);
    } else packFloats(source, row);
  }
}

/** Scales a query and lays it out. */
function packFloats(source: usize, row: i32): void {
  const width = pass.width, rows = pass.rows, height = tileHeight(rows);
  const scale: f32 = <f32> 1 / sqrt<f32>(<f32> (width >> 2));
  const target = rowAddress(pass.queries, row, height, width);
  copyRow(source, 16, target, rowStep(row, rows, height), width, scale);
}

/** Takes a batch through all blocks that it sees. */
function attend(): void {
  const rows = pass.rows, height = tileHeight(rows);
  memory.fill(pass.outputs, 0, <usize> rows * pass.width);
  clearStatistics(pass.statistics, rows);
  let weights = pass.weights, tops = pass.tops;
  for (let start = 0; start < pass.end; start += BLOCK) {
    // Tiles before see nothing of this block.
    const unseen = (start - pass.past) * pass.group - pass.first;
    const from = max(0, unseen) / height * height;
    attendBlock(start, from, weights);
    if (!pass.keeps) continue;
    memory.fill(weights, 0, <usize> from * SCORES);
    memory.copy(tops, pass.statistics, <usize> rows << 2);
    weights += <usize> rows * SCORES;
    tops += <usize> rows << 2;
  }
}

/** The block that starts with slot `start`, for the rows from `from` on. */
function attendBlock(start: i32, from: i32, weights: usize): void {
  const count = min(BLOCK, pass.end - start);
  if (pass.integers) {
    integerBlock(start, from, count, weights);
  } else {
    floatScores(start, from, count, weights);
    floatSoftmax(start, from, count, weights);
    floatValues(start, from, count, weights);
  }
}

/** From scores to weights. */
function floatSoftmax(start: i32, from: i32, count: i32, scores: usize): void {
  const rows = pass.rows, statistics = pass.statistics;
  for (let row = from; row < rows; row++) {
    raiseTop(row, rows, visible(row, start, count), scores, statistics);
  }
  for (let row = from; row < rows; row++) {
    softmaxRow(row, rows, visible(row, start, count), scores, statistics);
  }
}

/** Products with keys, which are made floats first if they are none. */
function floatScores(start: i32, from: i32, count: i32, scores: usize): void {
  const width = pass.width, at = <usize> start * width;
  let keys = pass.keys + at, distance = pass.values - pass.keys;
  if (pass.size != 4) {
    widen(pass.keys, pass.keyScales, start, count);
    keys = pass.block;
    distance = 0;
  }
  // deno-fmt-ignore
  scoreBlock(from, pass.rows, pass.queries, keys, width, count, scores, distance);
}

/** Weighted sums of values, which are made floats first if they are none. */
function floatValues(start: i32, from: i32, count: i32, weights: usize): void {
  const width = pass.width, rows = pass.rows;
  const following = min(start + BLOCK, pass.end - count);
  let values = pass.values + <usize> start * width;
  let next = pass.keys + <usize> following * width;
  if (pass.size != 4) {
    widen(pass.values, pass.valueScales, start, count);
    values = pass.block;
    next = values;
  }
  // deno-fmt-ignore
  valueBlock(from, rows, pass.outputs, values, width, count, weights, pass.statistics, next);
}

/** Makes floats of `count` vectors of the cache. */
function widen(vectors: usize, scales: usize, start: i32, count: i32): void {
  const size = pass.size, width = pass.width, first = <usize> start;
  const rows = vectors + first * (width >> 2) * size;
  readRows(size, rows, scales + (first << 2), width, count, pass.block);
}

/** Writes outputs, divided by the sums of their weights. */
function writeRows(out: usize, stride: usize): void {
  const width = pass.width, rows = pass.rows, height = tileHeight(rows);
  for (let row = 0; row < rows; row++) {
    const target = out + offsetOf(row, stride);
    const sum = load<f32>(sumOf(pass.statistics, row, rows));
    let source = pass.outputs + <usize> row * width, step: usize = 16;
    if (!pass.integers) {
      source = rowAddress(pass.outputs, row, height, width);
      step = rowStep(row, rows, height);
    }
    copyRow(source, step, target, 16, width, <f32> 1 / sum);
  }
}
