import { type GpuKernel, read, write } from "../../gpu/kernel.ts";
import type { GpuQueue } from "../../gpu/queue.ts";
import type { GpuTensor } from "../../gpu/tensor.ts";
import { entry, perScore, scoreGroups } from "./per_score.ts";

/** Kernel of {@linkcode pool}. */
export const poolKernel: GpuKernel = perScore({
  name: "pool",
  tensors: { scores: read(), out: write() },
  u32: ["reach"],
  body: `
  var highest = ${entry("scores")};
  let end = min(params.n, r + params.reach + 1u);
  for (var near = r - min(r, params.reach); near < end; near++) {
    highest = max(highest, ${entry("scores", "near")});
  }
  ${entry("out")} = highest;`,
});

/** See {@linkcode Kernels.pool}. */
export function pool(
  queue: GpuQueue,
  scores: GpuTensor,
  out: GpuTensor,
  n: number,
  width: number,
): void {
  const reach = (width - 1) / 2;
  const groups = scoreGroups(scores, n);
  queue.dispatch(poolKernel, [scores, out], [n, reach], [], groups);
}
