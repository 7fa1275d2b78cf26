// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.

import { maximum } from "./maximum.ts";

/** Maxima of neighbourhoods in a head, which are cut off at the ends. */
export function pool(scores: usize, out: usize, n: i32, width: i32): void {
  const reach = width >> 1;
  for (let rank = 0; rank < n; rank++) {
    const from = max(rank - reach, 0), to = min(rank + reach + 1, n);
    const first = scores + (<usize> from << 2);
    const most = maximum(first, <usize> (to - from) << 2);
    store<f32>(out + (<usize> rank << 2), most);
  }
}
