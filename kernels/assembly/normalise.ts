// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.

import { maximum } from "./maximum.ts";

/** Divides the scores of a head by the largest. */
export function normalise(scores: usize, n: i32): void {
  if (n == 0) return;
  const end = scores + (<usize> n << 2);
  // All are 0 where the window attends to itself only.
  const largest = max(maximum(scores, end - scores), f32.MIN_NORMAL_VALUE);
  for (; scores < end; scores += 4) {
    store<f32>(scores, load<f32>(scores) / largest);
  }
}
