import { type GpuKernel, read, write } from "../../gpu/kernel.ts";
import type { GpuQueue } from "../../gpu/queue.ts";
import type { GpuTensor } from "../../gpu/tensor.ts";
import { LANES, rowGroups } from "./grid.ts";

/** One entry per invocation; `y_step` is 0 where one row is added to all. */
export const addKernel: GpuKernel = {
  name: "add",
  tensors: { x: write(), y: read() },
  u32: ["width", "y_step"],
  words: ([width, step], [_, n]) => width * (2 * n + (step ? n : 1)),
  code: () => `
@compute @workgroup_size(${LANES})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= params.width) { return; }
  let summand = y[params.y_offset + id.y * params.y_step + id.x];
  x[params.x_offset + id.y * params.x_stride + id.x] += summand;
}
`,
};

/** {@linkcode Kernels.add}; `x` and `y` are in different buffers. */
export function add(
  queue: GpuQueue,
  x: GpuTensor,
  y: GpuTensor,
  n: number,
): void {
  const step = y.shape.length === 1 ? 0 : y.stride;
  const groups = rowGroups(x.width, n);
  queue.dispatch(addKernel, [x, y], [x.width, step], [], groups);
}
