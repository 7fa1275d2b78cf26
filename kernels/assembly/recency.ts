// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.

/** Scores of a head that are ranks. */
export function recency(scores: usize, n: i32): void {
  for (let rank = 0; rank < n; rank++) {
    store<f32>(scores + (<usize> rank << 2), <f32> rank);
  }
}
