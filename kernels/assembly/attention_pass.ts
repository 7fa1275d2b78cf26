// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.

import { integerScratch } from "./attention_int8.ts";
import { BLOCK, SCORES } from "./attention_rows.ts";

/** Bytes of the numbers that are kept of each row. */
const STATISTICS: usize = 4 * 4;

/** One pass of a batch of rows over the cache of a KV head. */
@unmanaged
export class Pass {
  /** Query heads that share the KV head. */
  group: i32;
  /** Slots of tokens before those of the queries. */
  past: i32;
  /** Bytes of a vector of floats. */
  width: usize;
  /** Bytes of an element of the cache. */
  size: i32;
  /** Whether cached integers are multiplied as such. */
  integers: bool;
  /** Whether the weights of all blocks are kept, for a tally. */
  keeps: bool;
  keys: usize;
  keyScales: usize;
  values: usize;
  valueScales: usize;
  /** The batch's first row, of all queries' query heads, and how many. */
  first: i32;
  rows: i32;
  /** Slots that the last row sees. */
  end: i32;
  /** In scratch: the rows' queries, outputs and statistics. */
  queries: usize;
  outputs: usize;
  statistics: usize;
  /** For what a block needs. */
  block: usize;
  /** Weights of a block, or of all, then the largest scores of all. */
  weights: usize;
  tops: usize;
  /** Which queries the tile of integers holds: where they were. */
  taken: usize;
}

/** The pass of a call: there is one at a time. */
export const pass: Pass = changetype<Pass>(memory.data(128));

/** Begins a batch: where everything is in scratch. */
export function beginBatch(first: i32, rows: i32, scratch: usize): void {
  const vectors = <usize> rows * pass.width;
  pass.first = first;
  pass.rows = rows;
  pass.end = pass.past + (first + rows - 1) / pass.group + 1;
  pass.queries = scratch;
  pass.taken = 0;
  pass.outputs = scratch + vectors;
  pass.statistics = pass.outputs + vectors;
  pass.block = pass.statistics + <usize> rows * STATISTICS;
  pass.weights = pass.block + blockBytes();
  const blocks = pass.keeps ? (pass.end + BLOCK - 1) / BLOCK : 1;
  pass.tops = pass.weights + <usize> (blocks * rows) * SCORES;
}

/** How many of a block's `count` keys, from slot `start` on, a row sees. */
export function visible(row: i32, start: i32, count: i32): i32 {
  const last = pass.past + (pass.first + row) / pass.group;
  return max(0, min(last + 1 - start, count));
}

/** Bytes of what a block needs. */
function blockBytes(): usize {
  if (pass.integers) return integerScratch(pass.width >> 2);
  return pass.size == 4 ? 0 : <usize> BLOCK * pass.width;
}
