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
import { clearStatistics, softmaxBlock, sumOf } from "./attention_softmax.ts";
import { valueBlock } from "./attention_values.ts";

/** Most rows (query heads of one KV head, of all queries) per pass over the cache. */
const BATCH: i32 = 48;

/**
 * Attention in the manner of flash attention (arXiv 2205.14135). Blocks start
 * at multiples of their size and sums are taken in the order of slots, so a
 * token's result has the same bits in a chunk and alone.
 */
export function attention(
  q: usize,
  qStride: usize,
  n: i32,
  queryHeads: i32,
  kvHeads: i32,
  headDim: i32,
  keys: usize,
  values: usize,
  slots: i32,
  cached: i32,
  out: usize,
  outStride: usize,
  scratch: usize,
): void {
  const group = queryHeads / kvHeads;
  const width = <usize> headDim << 2;
  for (let head = 0; head < kvHeads; head++) {
    for (let first = 0; first < n * group; first += BATCH) {
      const rows = min(BATCH, n * group - first);
      packQueries(q, qStride, group, first, rows, width, scratch);
      attend(rows, first, group, cached - n, width, keys, values, scratch);
      writeRows(out, outStride, group, first, rows, width, scratch);
    }
    q += <usize> group * width;
    out += <usize> group * width;
    keys += <usize> slots * width;
    values += <usize> slots * width;
  }
}

/** Lays out scaled queries in tiles; `first` is the batch's first row. */
function packQueries(
  q: usize,
  qStride: usize,
  group: i32,
  first: i32,
  rows: i32,
  width: usize,
  tiles: usize,
): void {
  const scale: f32 = <f32> 1 / sqrt<f32>(<f32> (width >> 2));
  const height = tileHeight(rows);
  for (let row = 0; row < rows; row++) {
    const query = <usize> ((first + row) / group) * qStride;
    const queryHead = <usize> ((first + row) % group) * width;
    const source = q + query + queryHead;
    const target = rowAddress(tiles, row, height, width);
    copyRow(source, 16, target, rowStep(row, rows, height), width, scale);
  }
}

/**
 * Takes a batch through all blocks that it sees. Scratch holds queries,
 * outputs, scores and statistics, in this order.
 */
function attend(
  rows: i32,
  first: i32,
  group: i32,
  past: i32,
  width: usize,
  keys: usize,
  values: usize,
  scratch: usize,
): void {
  const outputs = scratch + <usize> rows * width;
  const scores = outputs + <usize> rows * width;
  const statistics = scores + <usize> rows * SCORES;
  memory.fill(outputs, 0, <usize> rows * width);
  clearStatistics(statistics, rows);
  const height = tileHeight(rows);
  const end = past + (first + rows - 1) / group + 1;
  for (let start = 0; start < end; start += BLOCK) {
    const count = min(BLOCK, end - start);
    const key = keys + <usize> start * width;
    const value = values + <usize> start * width;
    const next = keys + <usize> min(start + BLOCK, end - count) * width;
    // Tiles before see nothing of this block.
    const from = max(0, (start - past) * group - first) / height * height;
    scoreBlock(from, rows, scratch, key, width, count, scores, value - key);
    for (let row = from; row < rows; row++) {
      const visible = past + (first + row) / group + 1 - start;
      softmaxBlock(row, rows, min(visible, count), scores, statistics);
    }
    valueBlock(
      from,
      rows,
      outputs,
      value,
      width,
      count,
      scores,
      statistics,
      next,
    );
  }
}

/** Writes outputs, divided by the sums of their weights. */
function writeRows(
  out: usize,
  outStride: usize,
  group: i32,
  first: i32,
  rows: i32,
  width: usize,
  scratch: usize,
): void {
  const outputs = scratch + <usize> rows * width;
  const statistics = outputs + <usize> rows * (width + SCORES);
  const height = tileHeight(rows);
  for (let row = 0; row < rows; row++) {
    const query = <usize> ((first + row) / group) * outStride;
    const queryHead = <usize> ((first + row) % group) * width;
    const source = rowAddress(outputs, row, height, width);
    const scale = <f32> 1 / load<f32>(sumOf(statistics, row, rows));
    const target = out + query + queryHead;
    copyRow(source, rowStep(row, rows, height), target, 16, width, scale);
  }
}
