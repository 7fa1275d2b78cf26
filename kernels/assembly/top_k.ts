// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.

import { countOf, DIGIT, DIGITS, HISTOGRAM } from "./radix";

/**
 * Finds the `k`-th largest score by its bits, from the highest digit down
 * (radix select), and keeps what is above it and as many of its equals as
 * there is room for.
 */
export function topK(
  scores: usize,
  slots: i32,
  kvHeads: i32,
  n: i32,
  k: i32,
  kept: usize,
  scratch: usize,
): void {
  for (let head = 0; head < kvHeads; head++) {
    select(scores, n, k, kept, scratch);
    scores += <usize> slots << 2;
    kept += <usize> slots << 2;
  }
}

/** {@linkcode topK} of one head. */
function select(
  scores: usize,
  n: i32,
  k: i32,
  kept: usize,
  histogram: usize,
): void {
  let threshold: u32 = 0, wanted = k;
  for (let shift = 2 * DIGIT; shift >= 0; shift -= DIGIT) {
    count(scores, n, threshold, shift, histogram);
    let digit = DIGITS - 1;
    for (; digit > 0; digit--) {
      const found = load<i32>(histogram + (<usize> digit << 2));
      if (found >= wanted) break;
      wanted -= found;
    }
    threshold |= <u32> digit << shift;
  }
  write(scores, n, threshold, wanted, kept);
}

/** Counts digits of the scores that agree with `prefix` above the digit. */
function count(
  scores: usize,
  n: i32,
  prefix: u32,
  shift: i32,
  histogram: usize,
): void {
  memory.fill(histogram, 0, HISTOGRAM);
  const above = shift + DIGIT;
  for (let i = 0; i < n; i++) {
    const key = keyOf(scores, i);
    if (<u64> (key ^ prefix) >> above != 0) continue;
    const count = countOf(histogram, key, shift);
    store<i32>(count, load<i32>(count) + 1);
  }
}

/** Ranks above the threshold, and the first `equals` at it. */
function write(
  scores: usize,
  n: i32,
  threshold: u32,
  equals: i32,
  kept: usize,
): void {
  for (let i = 0; i < n; i++) {
    const key = keyOf(scores, i);
    if (key < threshold) continue;
    if (key == threshold && equals-- <= 0) continue;
    store<i32>(kept, i);
    kept += 4;
  }
}

/** An integer in the order of scores; adding 0 makes -0 and 0 the same. */
// #inline
function keyOf(scores: usize, i: i32): u32 {
  const bits = reinterpret<i32>(load<f32>(scores + (<usize> i << 2)) + 0);
  return bits ^ (bits >> 31 | 0x80000000);
}
