import type { GpuFeatures } from "../../gpu/device.ts";
import { type GpuKernel, write } from "../../gpu/kernel.ts";
import type { GpuQueue } from "../../gpu/queue.ts";
import type { GpuTensor } from "../../gpu/tensor.ts";
import { LANES } from "./grid.ts";
import { entry } from "./per_score.ts";
import { reduceMax } from "./reduce.ts";

/** Kernel of {@linkcode normalise}: a workgroup a head. */
export const normaliseKernel: GpuKernel = {
  name: "normalise",
  tensors: { scores: write() },
  u32: ["n"],
  code: (features: GpuFeatures) => `
${reduceMax(features, LANES)}

@compute @workgroup_size(${LANES})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let h = group.x;
  // The smallest normal number: scores that are all zero stay zero.
  var highest = 0x1p-126f;
  for (var r = lane; r < params.n; r += ${LANES}u) {
    highest = max(highest, ${entry("scores")});
  }
  highest = reduceMax(highest, lane);
  for (var r = lane; r < params.n; r += ${LANES}u) {
    ${entry("scores")} /= highest;
  }
}`,
};

/** See {@linkcode Kernels.normalise}. */
export function normalise(queue: GpuQueue, scores: GpuTensor, n: number): void {
  queue.dispatch(normaliseKernel, [scores], [n], [], [scores.shape[0]]);
}
