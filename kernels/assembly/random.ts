// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.

/** Scores of a head that are uniform in [0, 1): 24 bits of a hash of ranks. */
export function random(scores: usize, n: i32, seed: u32): void {
  const start = hash(seed);
  for (let rank = 0; rank < n; rank++) {
    const bits = hash(start + rank) >> 8;
    store<f32>(scores + (<usize> rank << 2), <f32> bits / 16777216);
  }
}

/** "lowbias32" (https://nullprogram.com/blog/2018/07/31/). */
// #inline
function hash(x: u32): u32 {
  x = (x ^ x >> 16) * 0x7feb352d;
  x = (x ^ x >> 15) * 0x846ca68b;
  return x ^ x >> 16;
}
