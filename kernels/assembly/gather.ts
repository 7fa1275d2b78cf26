// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.

/** Picks the scores of kept ranks. */
export function gather(
  scores: usize,
  kept: usize,
  out: usize,
  slots: i32,
  kvHeads: i32,
  k: i32,
): void {
  for (let head = 0; head < kvHeads; head++) {
    for (let i: usize = 0; i < <usize> k; i++) {
      const rank = load<i32>(kept + (i << 2));
      store<f32>(out + (i << 2), load<f32>(scores + (<usize> rank << 2)));
    }
    scores += <usize> slots << 2;
    kept += <usize> slots << 2;
    out += <usize> slots << 2;
  }
}
