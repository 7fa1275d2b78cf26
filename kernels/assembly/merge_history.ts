// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.

/** Merges what was remembered of a head; `rule` 0 is the maximum, 1 the mean, 2 the sum. */
export function mergeHistory(
  scores: usize,
  history: usize,
  remembered: i32,
  rule: i32,
  decay: f32,
): void {
  for (let rank = 0; rank < remembered; rank++) {
    const at = <usize> rank << 2;
    const old = decay * load<f32>(history + at);
    store<f32>(scores + at, merged(old, load<f32>(scores + at), rule, decay));
  }
}

/** One score from the decayed `old` one and the current one. */
// #inline
function merged(old: f32, score: f32, rule: i32, decay: f32): f32 {
  if (rule == 0) return max(old, score);
  if (rule == 1) return old + (<f32> 1 - decay) * score;
  return old + score;
}
