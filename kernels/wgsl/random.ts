import { type GpuKernel, write } from "../../gpu/kernel.ts";
import type { GpuQueue } from "../../gpu/queue.ts";
import type { GpuTensor } from "../../gpu/tensor.ts";
import { entry } from "./entry.ts";
import { LANES, rowGroups } from "./grid.ts";

/** Kernel of {@linkcode random}: a score per invocation, exact. */
export const randomKernel: GpuKernel = {
  name: "random",
  tensors: { scores: write() },
  u32: ["n", "seed"],
  words: ([n], [_, kvHeads]) => kvHeads * n,
  code: () => `
// "lowbias32" (https://nullprogram.com/blog/2018/07/31/).
fn hash(number: u32) -> u32 {
  var x = number;
  x ^= x >> 16u;
  x *= 0x7feb352du;
  x ^= x >> 15u;
  x *= 0x846ca68bu;
  return x ^ (x >> 16u);
}

@compute @workgroup_size(${LANES})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let r = id.x;
  let h = id.y;
  if (r >= params.n) { return; }
  let bits = hash(hash(params.seed + h) + r) >> 8u;
  ${entry("scores")} = f32(bits) * 0x1p-24f;
}`,
};

/** See {@linkcode Kernels.random}. */
export function random(
  queue: GpuQueue,
  scores: GpuTensor,
  n: number,
  seed: number,
): void {
  const groups = rowGroups(n, scores.shape[0]);
  queue.dispatch(randomKernel, [scores], [n, seed], [], groups);
}
