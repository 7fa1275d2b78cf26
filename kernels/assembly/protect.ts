// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.

/** Scores of +Infinity for the first `n` of a head. */
export function protect(scores: usize, n: i32): void {
  for (const end = scores + (<usize> n << 2); scores < end; scores += 4) {
    store<f32>(scores, Infinity);
  }
}
