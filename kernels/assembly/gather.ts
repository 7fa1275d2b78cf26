// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.

/** Picks the scores of a head's kept ranks. */
export function gather(scores: usize, kept: usize, out: usize, k: i32): void {
  for (const end = out + (<usize> k << 2); out < end; out += 4, kept += 4) {
    const rank = <usize> load<i32>(kept);
    store<f32>(out, load<f32>(scores + (rank << 2)));
  }
}
