import { type GpuKernel, write } from "../../gpu/kernel.ts";
import type { GpuQueue } from "../../gpu/queue.ts";
import type { GpuTensor } from "../../gpu/tensor.ts";
import { entry, perScore, scoreGroups } from "./per_score.ts";

/** Kernel of {@linkcode protect}. */
export const protectKernel: GpuKernel = perScore({
  name: "protect",
  tensors: { scores: write() },
  f32: ["highest"],
  body: `${entry("scores")} = params.highest;`,
});

/** See {@linkcode Kernels.protect}. */
export function protect(queue: GpuQueue, scores: GpuTensor, n: number): void {
  const groups = scoreGroups(scores, n);
  // WGSL cannot write infinity.
  queue.dispatch(protectKernel, [scores], [n], [Infinity], groups);
}
