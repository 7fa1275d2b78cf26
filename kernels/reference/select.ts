import type {
  SelectionCounts,
  SelectionRule,
  SelectionTensors,
} from "../selection.ts";
import { gather } from "./gather.ts";
import { mergeHistory } from "./merge_history.ts";
import { mixScores } from "./mix_scores.ts";
import { normalise } from "./normalise.ts";
import { pool } from "./pool.ts";
import { protect } from "./protect.ts";
import { quota } from "./quota.ts";
import { softmaxRow } from "./softmax.ts";
import type { ArrayTensor } from "./tensor.ts";
import { topK } from "./top_k.ts";

/** {@linkcode SelectionTensors} whose tensors are arrays. */
export interface ArraySelection extends SelectionTensors {
  readonly scores: ArrayTensor;
  readonly similarities: ArrayTensor;
  readonly history: ArrayTensor | undefined;
  readonly finalScores: ArrayTensor;
  readonly kept: ArrayTensor;
  readonly positions: ArrayTensor;
  readonly order: ArrayTensor;
}

/** Reference of {@linkcode Kernels.select}. */
export function select(
  rule: SelectionRule,
  tensors: ArraySelection,
  counts: SelectionCounts,
): void {
  const { scores, similarities, history, finalScores, kept } = tensors;
  const { n, window, k, remembered, blockSize, perBlock } = counts;
  const older = n - window;
  if (rule.history) {
    const { merge, decay } = rule.history;
    normalise(scores, older);
    mergeHistory(scores, history!, remembered, merge, decay);
  }
  pool(scores, finalScores, older, rule.pool ?? 1);
  if (rule.redundancy) {
    softmaxOf(similarities, n);
    if (rule.history) normalise(similarities, older);
    mixScores(finalScores, similarities, older, rule.redundancy.mix);
  }
  protect(finalScores, counts.protect);
  if (rule.quota) {
    const { positions, order } = tensors;
    const { protect } = counts;
    quota(finalScores, positions, order, older, protect, blockSize, perBlock);
  }
  topK(finalScores, kept, older, k);
  if (rule.history) gather(scores, kept, history!, k);
}

/** Softmax of the first `n` entries of each row. */
function softmaxOf(x: ArrayTensor, n: number): void {
  for (let h = 0; h < x.shape[0]; h++) softmaxRow(x.row(h).subarray(0, n), 1);
}
