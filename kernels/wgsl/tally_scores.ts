import { type GpuKernel, read, write } from "../../gpu/kernel.ts";
import type { GpuQueue } from "../../gpu/queue.ts";
import type { GpuTensor } from "../../gpu/tensor.ts";
import { entry } from "./entry.ts";
import { LANES, rowGroups } from "./grid.ts";

/** Kernel of {@linkcode tallyScores}: a score per invocation. */
export const tallyScoresKernel: GpuKernel = {
  name: "tallyScores",
  tensors: {
    sums: read(),
    squares: read(),
    order: read("u32"),
    scores: write(),
  },
  u32: ["n", "deviates"],
  f32: ["count", "shift"],
  words: ([n, deviates], [_, kvHeads]) => kvHeads * n * (3 + deviates),
  code: () => `
@compute @workgroup_size(${LANES})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let r = id.x;
  let h = id.y;
  if (r >= params.n) { return; }
  let slot = ${entry("order")};
  var score = ${entry("sums", "slot")} / params.count;
  if (params.deviates == 1u) {
    let variance = ${entry("squares", "slot")} / (params.count - 1.0);
    score += params.shift * sqrt(variance);
  }
  ${entry("scores")} = score;
}`,
};

/** See {@linkcode Kernels.tallyScores}. */
export function tallyScores(
  queue: GpuQueue,
  sums: GpuTensor,
  squares: GpuTensor | undefined,
  order: GpuTensor,
  scores: GpuTensor,
  n: number,
  count: number,
  shift: number,
): void {
  const deviates = squares && count > 1 ? 1 : 0;
  queue.dispatch(
    tallyScoresKernel,
    [sums, squares ?? sums, order, scores],
    [n, deviates],
    [count, shift],
    rowGroups(n, scores.shape[0]),
  );
}
