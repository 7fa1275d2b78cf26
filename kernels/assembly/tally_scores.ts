// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.

/**
 * Means of what a head's tokens got, and `shift` times the deviations, by rank.
 *
 * @param squares 0 where there are none.
 */
export function tallyScores(
  sums: usize,
  squares: usize,
  order: usize,
  scores: usize,
  n: i32,
  count: i32,
  shift: f32,
): void {
  const deviates = squares != 0 && count > 1;
  const degrees = <f32> max(count - 1, 1);
  for (const end = order + (<usize> n << 2); order < end; order += 4) {
    const at = <usize> load<i32>(order) << 2;
    let score = load<f32>(sums + at) / <f32> count;
    if (deviates) score += shift * sqrt<f32>(load<f32>(squares + at) / degrees);
    store<f32>(scores, score);
    scores += 4;
  }
}
