import { type GpuKernel, read, write } from "../../gpu/kernel.ts";
import type { GpuQueue } from "../../gpu/queue.ts";
import type { GpuTensor } from "../../gpu/tensor.ts";
import { LANES, rowGroups } from "./grid.ts";

/** One pair per invocation: channels `step · pair` and `gap` further on. */
export const ropeKernel: GpuKernel = {
  name: "rope",
  tensors: { x: write(), angles: read() },
  u32: ["heads", "pairs", "step", "gap"],
  words: ([heads, pairs], [_, n]) => 2 * pairs * n * (2 * heads + 1),
  code: () => `
@compute @workgroup_size(${LANES})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= params.heads * params.pairs) { return; }
  let pair = id.x % params.pairs;
  let head = id.x / params.pairs;
  let angle = params.angles_offset + id.y * params.angles_stride + 2u * pair;
  let turn = vec2(angles[angle], angles[angle + 1u]);
  let a = params.x_offset + id.y * params.x_stride +
    2u * params.pairs * head + params.step * pair;
  let b = a + params.gap;
  let old = vec2(x[a], x[b]);
  x[a] = old.x * turn.x - old.y * turn.y;
  x[b] = old.x * turn.y + old.y * turn.x;
}
`,
};

/** {@linkcode Kernels.rope}. */
export function rope(
  queue: GpuQueue,
  x: GpuTensor,
  angles: GpuTensor,
  n: number,
  pairing: "adjacent" | "halves",
): void {
  const [_, heads, headDim] = x.shape;
  const pairs = headDim / 2;
  const [step, gap] = pairing === "adjacent" ? [2, 1] : [1, pairs];
  queue.dispatch(
    ropeKernel,
    [x, angles],
    [heads, pairs, step, gap],
    [],
    rowGroups(heads * pairs, n),
  );
}
