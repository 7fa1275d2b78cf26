// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.

import { maximum } from "./maximum.ts";

/** Maxima of neighbourhoods, which are cut off at the ends. */
export function pool(
  scores: usize,
  out: usize,
  slots: i32,
  kvHeads: i32,
  n: i32,
  width: i32,
): void {
  const reach = width >> 1;
  for (let head = 0; head < kvHeads; head++) {
    for (let rank = 0; rank < n; rank++) {
      const from = max(rank - reach, 0), to = min(rank + reach + 1, n);
      const most = maximum(
        scores + (<usize> from << 2),
        <usize> (to - from) << 2,
      );
      store<f32>(out + (<usize> rank << 2), most);
    }
    scores += <usize> slots << 2;
    out += <usize> slots << 2;
  }
}
