import type { MergeRule } from "../selection.ts";
import type { ArrayTensor } from "./tensor.ts";

const rules: Record<MergeRule, (h: number, s: number, d: number) => number> = {
  max: (past, score, decay) => Math.max(decay * past, score),
  mean: (past, score, decay) => decay * past + (1 - decay) * score,
  sum: (past, score, decay) => decay * past + score,
};

/** Merges the history of the `remembered` oldest tokens into `scores`. */
export function mergeHistory(
  scores: ArrayTensor,
  history: ArrayTensor,
  remembered: number,
  rule: MergeRule,
  decay: number,
): void {
  for (let h = 0; h < scores.shape[0]; h++) {
    const [row, past] = [scores.row(h), history.row(h)];
    for (let r = 0; r < remembered; r++) {
      row[r] = rules[rule](past[r], row[r], decay);
    }
  }
}
