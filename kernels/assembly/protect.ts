// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.

/** Scores of +Infinity. */
export function protect(
  scores: usize,
  slots: i32,
  kvHeads: i32,
  n: i32,
): void {
  for (let head = 0; head < kvHeads; head++) {
    for (let rank = 0; rank < n; rank++) {
      store<f32>(scores + (<usize> rank << 2), Infinity);
    }
    scores += <usize> slots << 2;
  }
}
