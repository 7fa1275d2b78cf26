import { type GpuKernel, write } from "../../gpu/kernel.ts";
import type { GpuQueue } from "../../gpu/queue.ts";
import type { GpuTensor } from "../../gpu/tensor.ts";
import { entry, perScore, scoreGroups } from "./per_score.ts";

/** Kernel of {@linkcode recency}. */
export const recencyKernel: GpuKernel = perScore({
  name: "recency",
  tensors: { scores: write() },
  body: `${entry("scores")} = f32(r);`,
});

/** See {@linkcode Kernels.recency}. */
export function recency(queue: GpuQueue, scores: GpuTensor, n: number): void {
  queue.dispatch(recencyKernel, [scores], [n], [], scoreGroups(scores, n));
}
