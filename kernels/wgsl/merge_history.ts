import { type GpuKernel, read, write } from "../../gpu/kernel.ts";
import type { GpuQueue } from "../../gpu/queue.ts";
import type { GpuTensor } from "../../gpu/tensor.ts";
import type { MergeRule } from "../ops.ts";
import { entry, perScore, scoreGroups } from "./per_score.ts";

/** The rules in the order of their numbers. */
const rules: readonly MergeRule[] = ["max", "mean", "sum"];

/** Kernel of {@linkcode mergeHistory}. */
export const mergeHistoryKernel: GpuKernel = perScore({
  name: "mergeHistory",
  tensors: { scores: write(), history: read() },
  u32: ["rule"],
  f32: ["decay"],
  body: `
  let old = params.decay * ${entry("history")};
  let score = ${entry("scores")};
  var merged = old + score;
  if (params.rule == ${rules.indexOf("max")}u) {
    merged = max(old, score);
  } else if (params.rule == ${rules.indexOf("mean")}u) {
    merged = old + (1.0 - params.decay) * score;
  }
  ${entry("scores")} = merged;`,
});

/** See {@linkcode Kernels.mergeHistory}. */
export function mergeHistory(
  queue: GpuQueue,
  scores: GpuTensor,
  history: GpuTensor,
  remembered: number,
  rule: MergeRule,
  decay: number,
): void {
  if (remembered === 0) return;
  queue.dispatch(
    mergeHistoryKernel,
    [scores, history],
    [remembered, rules.indexOf(rule)],
    [decay],
    scoreGroups(scores, remembered),
  );
}
