import { type GpuKernel, read, write } from "../../gpu/kernel.ts";
import type { GpuQueue } from "../../gpu/queue.ts";
import type { GpuTensor } from "../../gpu/tensor.ts";
import { entry, perScore, scoreGroups } from "./per_score.ts";

/** Kernel of {@linkcode mixScores}. */
export const mixScoresKernel: GpuKernel = perScore({
  name: "mixScores",
  tensors: { scores: write(), redundancy: read() },
  f32: ["mix"],
  body: `
  let repeated = (1.0 - params.mix) * ${entry("redundancy")};
  ${entry("scores")} = params.mix * ${entry("scores")} - repeated;`,
});

/** See {@linkcode Kernels.mixScores}. */
export function mixScores(
  queue: GpuQueue,
  scores: GpuTensor,
  redundancy: GpuTensor,
  n: number,
  mix: number,
): void {
  const groups = scoreGroups(scores, n);
  queue.dispatch(mixScoresKernel, [scores, redundancy], [n], [mix], groups);
}
