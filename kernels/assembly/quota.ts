// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.

import { topK } from "./top_k.ts";

/**
 * Scores of +Infinity for the `perBlock` best of each block of positions, of a
 * head's `n` oldest tokens but the first `protect`. Ranks follow positions, so
 * that those of a block follow each other.
 */
export function quota(
  scores: usize,
  positions: usize,
  order: usize,
  n: i32,
  protect: i32,
  blockSize: i32,
  perBlock: i32,
  scratch: usize,
): void {
  for (let first = protect; first < n;) {
    const block = blockOf(positions, order, first, blockSize);
    let end = first + 1;
    while (end < n && blockOf(positions, order, end, blockSize) == block) end++;
    const start = scores + (<usize> first << 2);
    raise(start, end - first, min(perBlock, end - first), scratch);
    first = end;
  }
}

// #inline
function blockOf(
  positions: usize,
  order: usize,
  rank: i32,
  blockSize: i32,
): i32 {
  const slot = <usize> load<i32>(order + (<usize> rank << 2));
  return load<i32>(positions + (slot << 2)) / blockSize;
}

/** Scores of +Infinity for the `k` best. Scratch begins with their indices. */
function raise(scores: usize, n: i32, k: i32, scratch: usize): void {
  const end = scratch + (<usize> k << 2);
  topK(scores, n, k, scratch, end);
  for (let best = scratch; best < end; best += 4) {
    store<f32>(scores + (<usize> load<i32>(best) << 2), Infinity);
  }
}
