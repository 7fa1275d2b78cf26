import { type GpuKernel, read, write } from "../../gpu/kernel.ts";
import type { GpuQueue } from "../../gpu/queue.ts";
import type { GpuTensor } from "../../gpu/tensor.ts";
import { entry, perScore, scoreGroups } from "./per_score.ts";

/** Kernel of {@linkcode gather}. */
export const gatherKernel: GpuKernel = perScore({
  name: "gather",
  tensors: { scores: read(), kept: read("u32"), out: write() },
  body: `${entry("out")} = ${entry("scores", entry("kept"))};`,
});

/** See {@linkcode Kernels.gather}. */
export function gather(
  queue: GpuQueue,
  scores: GpuTensor,
  kept: GpuTensor,
  out: GpuTensor,
  k: number,
): void {
  if (k === 0) return;
  const groups = scoreGroups(scores, k);
  queue.dispatch(gatherKernel, [scores, kept, out], [k], [], groups);
}
