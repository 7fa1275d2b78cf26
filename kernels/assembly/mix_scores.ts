// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.

/** Weighs scores against redundancy. */
export function mixScores(
  scores: usize,
  redundancy: usize,
  slots: i32,
  kvHeads: i32,
  n: i32,
  mix: f32,
): void {
  for (let head = 0; head < kvHeads; head++) {
    for (let rank = 0; rank < n; rank++) {
      const at = <usize> rank << 2;
      const repeated = (<f32> 1 - mix) * load<f32>(redundancy + at);
      store<f32>(scores + at, mix * load<f32>(scores + at) - repeated);
    }
    scores += <usize> slots << 2;
    redundancy += <usize> slots << 2;
  }
}
