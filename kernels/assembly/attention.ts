// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.

import { BLOCK, packRow, SCORES, tileRows, unpackRow } from "./attention_rows";
import { scoreTile } from "./attention_scores";
import { softmaxBlock } from "./attention_softmax";
import { valueTile } from "./attention_values";

/** Rows (query heads of a KV head, of all queries) that share a pass over the cache. */
const BATCH: i32 = 48;

/**
 * Attention in the manner of flash attention (arXiv 2205.14135). Blocks start
 * at multiples of their size and a sum is always taken in the order of slots,
 * so a token's result has the same bits in a chunk and alone.
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
      const stats = scratch + <usize> rows * (width * 2 + SCORES);
      packQueries(q, qStride, group, first, rows, width, scratch, stats);
      attendRows(
        rows,
        first,
        group,
        cached - n,
        width,
        keys,
        values,
        scratch,
        stats,
      );
      writeRows(out, outStride, group, first, rows, width, scratch, stats);
    }
    q += <usize> group * width;
    out += <usize> group * width;
    keys += <usize> slots * width;
    values += <usize> slots * width;
  }
}

/** Lays out the scaled queries in tiles, and clears outputs and statistics. */
function packQueries(
  q: usize,
  qStride: usize,
  group: i32,
  first: i32,
  rows: i32,
  width: usize,
  tiles: usize,
  stats: usize,
): void {
  const scale: f32 = <f32> 1 / sqrt<f32>(<f32> (width >> 2));
  const height = tileRows(rows);
  for (let row = 0; row < rows; row++) {
    const query = first + row;
    const source = q + <usize> (query / group) * qStride +
      <usize> (query % group) * width;
    const inTile = row % height;
    const tile = tiles + <usize> (row - inTile) * width +
      (<usize> inTile << 4);
    packRow(source, width, scale, tile, min(height, rows - row + inTile));
    store<f32>(stats + (<usize> row << 2), -f32.MAX_VALUE);
    store<f32>(stats + (<usize> (rows + row) << 2), 0);
  }
  memory.fill(tiles + <usize> rows * width, 0, <usize> rows * width);
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
  stats: usize,
): void {
  const outputs = scratch + <usize> rows * width;
  const height = tileRows(rows);
  for (let row = 0; row < rows; row++) {
    const query = first + row;
    const target = out + <usize> (query / group) * outStride +
      <usize> (query % group) * width;
    const inTile = row % height;
    const tile = outputs + <usize> (row - inTile) * width +
      (<usize> inTile << 4);
    const scale = <f32> 1 / load<f32>(stats + (<usize> (rows + row) << 2));
    unpackRow(tile, min(height, rows - row + inTile), scale, target, width);
  }
}

/** All blocks for a batch of rows; row 0 is number `first` of the call. */
function attendRows(
  rows: i32,
  first: i32,
  group: i32,
  past: i32,
  width: usize,
  keys: usize,
  values: usize,
  scratch: usize,
  stats: usize,
): void {
  const outputs = scratch + <usize> rows * width;
  const scores = outputs + <usize> rows * width;
  const height = tileRows(rows);
  const end = past + (first + rows - 1) / group + 1;
  for (let start = 0; start < end; start += BLOCK) {
    const count = min(BLOCK, end - start);
    const block = <usize> start * width;
    const next = <usize> min(start + BLOCK, end - count) * width;
    // The first row that sees anything of this block.
    const from = max(0, (start - past) * group - first) / height * height;
    for (let row = from; row < rows; row += height) {
      scoreTile(
        min(height, rows - row),
        scratch + <usize> row * width,
        keys + block,
        width,
        count,
        scores + <usize> row * SCORES,
        values - keys,
      );
    }
    for (let row = from; row < rows; row++) {
      const visible = past + (first + row) / group + 1 - start;
      softmaxBlock(
        scores + <usize> row * SCORES,
        min(visible, count),
        stats + (<usize> row << 2),
        stats + (<usize> (rows + row) << 2),
        stats + (<usize> (rows * 2 + row) << 2),
      );
    }
    for (let row = from; row < rows; row += height) {
      valueTile(
        min(height, rows - row),
        outputs + <usize> row * width,
        values + block,
        width,
        count,
        scores + <usize> row * SCORES,
        stats + (<usize> (rows * 2 + row) << 2),
        keys + next,
      );
    }
  }
}
