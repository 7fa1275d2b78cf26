// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.

import { maximum } from "./maximum.ts";

/** Divides scores by the largest of their head. */
export function normalise(
  scores: usize,
  slots: i32,
  kvHeads: i32,
  n: i32,
): void {
  const bytes = <usize> n << 2;
  if (bytes == 0) return;
  for (let head = 0; head < kvHeads; head++) {
    // All are 0 where the window attends to itself only.
    const largest = max(maximum(scores, bytes), f32.MIN_NORMAL_VALUE);
    for (let p = scores; p < scores + bytes; p += 4) {
      store<f32>(p, load<f32>(p) / largest);
    }
    scores += <usize> slots << 2;
  }
}
