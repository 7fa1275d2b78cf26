import type { ArrayTensor } from "./tensor.ts";

/** `scores = mix · scores - (1 - mix) · redundancy` for `n` tokens. */
export function mixScores(
  scores: ArrayTensor,
  redundancy: ArrayTensor,
  n: number,
  mix: number,
): void {
  for (let h = 0; h < scores.shape[0]; h++) {
    const [row, repeated] = [scores.row(h), redundancy.row(h)];
    for (let r = 0; r < n; r++) {
      row[r] = mix * row[r] - (1 - mix) * repeated[r];
    }
  }
}
