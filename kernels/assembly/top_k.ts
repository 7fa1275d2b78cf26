// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.

import { countOf, DIGIT, DIGITS, HISTOGRAM } from "./radix.ts";

/**
 * Finds a head's `k`-th largest score by its bits, from the highest digit down
 * (radix select), and keeps what is above it and as many of its equals as
 * there is room for.
 */
export function topK(
  scores: usize,
  n: i32,
  k: i32,
  kept: usize,
  scratch: usize,
): void {
  const histogram = scratch, keys = scratch + HISTOGRAM;
  writeKeys(scores, n, keys);
  let threshold: u32 = 0, wanted = k;
  for (let shift = 2 * DIGIT; shift >= 0; shift -= DIGIT) {
    count(keys, n, threshold, shift, histogram);
    let digit = DIGITS - 1;
    for (; digit > 0; digit--) {
      const found = load<i32>(histogram + (<usize> digit << 2));
      if (found >= wanted) break;
      wanted -= found;
    }
    threshold |= <u32> digit << shift;
  }
  writeRanks(keys, n, threshold, wanted, kept);
}

/**
 * Integers in the order of the scores: adding 0 makes -0 and 0 the same, and
 * the bits of negative numbers count the other way round.
 */
function writeKeys(scores: usize, n: i32, keys: usize): void {
  for (let i: usize = 0; i < <usize> n; i++) {
    const score = load<f32>(scores + (i << 2)) + <f32> 0;
    const bits = reinterpret<i32>(score);
    store<u32>(keys + (i << 2), bits ^ (bits >> 31 | 0x80000000));
  }
}

/** Counts digits of the keys that agree with `prefix` above the digit. */
function count(
  keys: usize,
  n: i32,
  prefix: u32,
  shift: i32,
  histogram: usize,
): void {
  memory.fill(histogram, 0, HISTOGRAM);
  const above = shift + DIGIT;
  for (let i = 0; i < n; i++) {
    const key = load<u32>(keys + (<usize> i << 2));
    if (<u64> (key ^ prefix) >> above != 0) continue;
    const count = countOf(histogram, key, shift);
    store<i32>(count, load<i32>(count) + 1);
  }
}

/** Ranks above the threshold, and the first `equals` at it. */
function writeRanks(
  keys: usize,
  n: i32,
  threshold: u32,
  equals: i32,
  kept: usize,
): void {
  for (let i = 0; i < n; i++) {
    const key = load<u32>(keys + (<usize> i << 2));
    if (key < threshold) continue;
    if (key == threshold && equals-- <= 0) continue;
    store<i32>(kept, i);
    kept += 4;
  }
}
