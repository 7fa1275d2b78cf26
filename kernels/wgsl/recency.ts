import { type GpuKernel, write } from "../../gpu/kernel.ts";
import type { GpuQueue } from "../../gpu/queue.ts";
import type { GpuTensor } from "../../gpu/tensor.ts";
import { entry } from "./entry.ts";
import { LANES, rowGroups } from "./grid.ts";

/** Kernel of {@linkcode recency}: a score per invocation. */
export const recencyKernel: GpuKernel = {
  name: "recency",
  tensors: { scores: write() },
  u32: ["n"],
  words: ([n], [_, kvHeads]) => kvHeads * n,
  code: () => `
@compute @workgroup_size(${LANES})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let r = id.x;
  let h = id.y;
  if (r < params.n) { ${entry("scores")} = f32(r); }
}`,
};

/** See {@linkcode Kernels.recency}. */
export function recency(queue: GpuQueue, scores: GpuTensor, n: number): void {
  const groups = rowGroups(n, scores.shape[0]);
  queue.dispatch(recencyKernel, [scores], [n], [], groups);
}
