// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.

import { countOf, DIGIT, HISTOGRAM } from "./radix.ts";

/** Sorts the slots of a head by position: a radix sort, lowest digit first. */
export function order(
  positions: usize,
  n: i32,
  order: usize,
  scratch: usize,
): void {
  for (let i = 0; i < n; i++) store<i32>(order + (<usize> i << 2), i);
  const last = largest(positions, n);
  for (let shift = 0; last >> shift != 0; shift += DIGIT) {
    sortDigit(positions, n, shift, order, scratch);
  }
}

/** Largest position, which says how many digits there are. */
function largest(positions: usize, n: i32): i32 {
  let largest = 0;
  for (let i = 0; i < n; i++) {
    largest = max(largest, load<i32>(positions + (<usize> i << 2)));
  }
  return largest;
}

/** Sorts `order` by one digit; slots of equal digits keep their order. */
function sortDigit(
  positions: usize,
  n: i32,
  shift: i32,
  order: usize,
  scratch: usize,
): void {
  const histogram = scratch, sorted = scratch + HISTOGRAM;
  const end = order + (<usize> n << 2);
  memory.fill(histogram, 0, HISTOGRAM);
  for (let p = order; p < end; p += 4) {
    const count = countOf(histogram, positionOf(positions, p), shift);
    store<i32>(count, load<i32>(count) + 1);
  }
  sumUp(histogram);
  for (let p = order; p < end; p += 4) {
    const start = countOf(histogram, positionOf(positions, p), shift);
    const rank = load<i32>(start);
    store<i32>(sorted + (<usize> rank << 2), load<i32>(p));
    store<i32>(start, rank + 1);
  }
  memory.copy(order, sorted, <usize> n << 2);
}

// #inline
function positionOf(positions: usize, slot: usize): u32 {
  return load<u32>(positions + (<usize> load<i32>(slot) << 2));
}

/** Turns counts into the rank that the first of each digit gets. */
function sumUp(histogram: usize): void {
  let rank = 0;
  for (let p = histogram; p < histogram + HISTOGRAM; p += 4) {
    const count = load<i32>(p);
    store<i32>(p, rank);
    rank += count;
  }
}
