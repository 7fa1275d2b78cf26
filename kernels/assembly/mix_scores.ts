// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.

/** Weighs the scores of a head against redundancy. */
export function mixScores(
  scores: usize,
  redundancy: usize,
  n: i32,
  mix: f32,
): void {
  for (const end = scores + (<usize> n << 2); scores < end; scores += 4) {
    const repeated = (<f32> 1 - mix) * load<f32>(redundancy);
    store<f32>(scores, mix * load<f32>(scores) - repeated);
    redundancy += 4;
  }
}
